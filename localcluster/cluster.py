"""What the demo and the tests need of a cluster, whether it is ours or one that was there before."""

from __future__ import annotations

import abc
import json
import os
import subprocess
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from localcluster.errors import KubectlError
from localcluster.kubeconfig import Endpoint, certificate_user, file_name, token_user, write_kubeconfig
from localcluster.pki import KeyPair


class Cluster(abc.ABC):
    """A Kubernetes API, people who use it, and kubectl.

    Where a method takes `via`, the kubeconfig leads to that endpoint, such as a fault proxy, and not to the API itself.
    """

    def __init__(self, kubectl: Path) -> None:
        self.kubectl_program = kubectl

    @property
    @abc.abstractmethod
    def folder(self) -> Path:
        """Where kubeconfigs and kubectl's cache are written."""

    @property
    @abc.abstractmethod
    def endpoint(self) -> Endpoint:
        """The address of the API, and the authority that vouches for it."""

    @property
    @abc.abstractmethod
    def admin(self) -> Path:
        """A kubeconfig that may do everything."""

    @property
    @abc.abstractmethod
    def audit_log(self) -> Path | None:
        """The API's audit log (JSON lines); None where the cluster does not show it."""

    @abc.abstractmethod
    def client_certificate(self, user: str, groups: Sequence[str] = ()) -> KeyPair:
        """A client certificate for anybody, in any groups."""

    @property
    def server(self) -> str:
        """``https://host:port`` of the API."""
        return self.endpoint.server

    @property
    def ca(self) -> bytes:
        """The authority of the API's certificate, PEM."""
        return self.endpoint.ca

    def kubeconfig(self, user: str, groups: Sequence[str] = (), *, via: Endpoint | None = None) -> Path:
        """The kubeconfig of a person with a client certificate; made once per user, groups and endpoint.

        Through a proxy that ends TLS the certificate is lost: use a ServiceAccount's token there.
        """
        path = self.folder / file_name(user, groups, via)
        if not path.exists():
            write_kubeconfig(path, via or self.endpoint, certificate_user(self.client_certificate(user, groups)))
        return path

    def service_account_kubeconfig(
        self, namespace: str, name: str, *, duration: str = "1h", via: Endpoint | None = None
    ) -> Path:
        """A kubeconfig with a fresh token of an existing ServiceAccount, by TokenRequest (at least ``10m``)."""
        token = self.kubectl("create", "token", name, f"--namespace={namespace}", f"--duration={duration}").stdout
        path = self.folder / file_name(f"sa-{namespace}-{name}", [duration], via)
        return write_kubeconfig(path, via or self.endpoint, token_user(token.strip()))

    def kubectl(
        self,
        *arguments: str,
        user: str | None = None,
        groups: Sequence[str] = (),
        kubeconfig: Path | None = None,
        stdin: str | None = None,
        check: bool = True,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as `user` (a person with a client certificate), with `kubeconfig`, or else as the admin.

        Raises:
            KubectlError: the exit code is not 0 and `check` is set.
            subprocess.TimeoutExpired: it took longer than `timeout` seconds.
        """
        config = kubeconfig or (self.kubeconfig(user, groups) if user else self.admin)
        run = subprocess.run(
            [str(self.kubectl_program), f"--cache-dir={self.folder / 'kubectl-cache'}", *arguments],
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            timeout=timeout,
            env=_environment(config),
            check=False,
        )
        if check and run.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(arguments)}", run.returncode, run.stdout, run.stderr)
        return run

    def shell(
        self, command: str, *, user: str | None = None, timeout: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a line in bash as `user` or the admin, whose `kubectl` is the one of this cluster.

        Raises:
            subprocess.TimeoutExpired: it took longer than `timeout` seconds.
        """
        environment = _environment(self.kubeconfig(user) if user else self.admin)
        environment["PATH"] = f"{self.kubectl_program.parent}:{environment.get('PATH', os.defpath)}"
        return subprocess.run(
            ["/bin/bash", "-c", command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
            check=False,
        )

    def serves(self, group_version: str, plural: str) -> bool:
        """Whether the API has a kind in a version, such as ``admissionregistration.k8s.io/v1``."""
        served = self.kubectl("get", "--raw", f"/apis/{group_version}", check=False)
        if served.returncode != 0 and "NotFound" in served.stderr:
            return False
        if served.returncode != 0:
            raise KubectlError(f"kubectl get --raw /apis/{group_version}", served.returncode, "", served.stderr)
        return any(resource["name"] == plural for resource in json.loads(served.stdout)["resources"])

    @cached_property
    def stamps(self) -> bool:
        """Whether the API server has MutatingAdmissionPolicy (Kubernetes 1.36 and later): it can fill in who acts."""
        return self.serves("admissionregistration.k8s.io/v1", "mutatingadmissionpolicies")

    def apply(self, manifest: str, *, user: str | None = None) -> str:
        """``kubectl apply -f -``; gives what it printed."""
        return self.kubectl("apply", "-f", "-", stdin=manifest, user=user).stdout


def _environment(config: Path) -> dict[str, str]:
    """Of a kubectl with this kubeconfig and no settings of the user who runs us."""
    return {**os.environ, "KUBECONFIG": str(config), "KUBERC": "off"}
