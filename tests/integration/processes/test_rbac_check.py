"""`make rbac-check`, and that it sees what is wrong."""

from __future__ import annotations

import pytest

from localcluster.demo.stage import Stage
from localcluster.installation import OPERATOR_NAMESPACE, SERVICE_ACCOUNT
from localcluster.rbaccheck.check import judge
from localcluster.rbaccheck.grants import Permission
from localcluster.rbaccheck.scenario import SETTINGS, play

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_every_permission_is_used_and_none_is_missing() -> None:
    with Stage(**SETTINGS) as stage:
        play(stage, lambda text: None)
        verdict = judge(stage)
        print("\n" + "\n".join(verdict.lines()))
        assert verdict.good
        cluster = stage.cluster
        cluster.kubectl("create", "clusterrole", "too-much", "--verb=list", "--resource=configmaps")
        account = f"--serviceaccount={OPERATOR_NAMESPACE}:{SERVICE_ACCOUNT}"
        cluster.kubectl("create", "clusterrolebinding", "too-much", "--clusterrole=too-much", account)
        operator = cluster.service_account_kubeconfig(OPERATOR_NAMESPACE, SERVICE_ACCOUNT)
        cluster.kubectl("-n", "default", "get", "secrets", kubeconfig=operator, check=False)
        wrong = judge(stage)
        assert wrong.unused == [Permission("", "configmaps", "list")]
        assert wrong.missing == [Permission("", "secrets", "list", "default")]
        assert not wrong.good
