"""A cluster that was there before, used through its kubeconfig as if it were our own."""

from __future__ import annotations

import base64
import json
import secrets
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError
from localcluster.kubeconfig import Endpoint, endpoint_of
from localcluster.pki import KeyPair, signing_request

_SIGNER = "kubernetes.io/kube-apiserver-client"
_SIGN_SECONDS = 30.0
_VALID_SECONDS = 86_400


class ExternalCluster(Cluster):
    """Use it as a context manager; people's certificates come from the cluster's own signer.

    Args:
        kubeconfig: of somebody who may approve signing requests; its current context is used.
        kubectl: the program.
    """

    def __init__(self, kubeconfig: Path, kubectl: Path) -> None:
        super().__init__(kubectl)
        if not kubeconfig.is_file():
            raise LocalClusterError(f"there is no kubeconfig {kubeconfig}")
        self._admin = kubeconfig.absolute()
        self._temporary = tempfile.TemporaryDirectory(prefix="wk-external-")
        self._endpoint: Endpoint | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._temporary.cleanup()

    @property
    def folder(self) -> Path:
        """A temporary folder."""
        return Path(self._temporary.name)

    @property
    def endpoint(self) -> Endpoint:
        """As the kubeconfig's current context names it."""
        if self._endpoint is None:
            view = self.kubectl("config", "view", "--raw", "--flatten", "--minify", "--output=json")
            config = json.loads(view.stdout)
            self._endpoint = endpoint_of(config)
        return self._endpoint

    @property
    def admin(self) -> Path:
        """The kubeconfig that was given."""
        return self._admin

    @property
    def audit_log(self) -> None:
        """It is not ours to read."""
        return

    def client_certificate(self, user: str, groups: Sequence[str] = ()) -> KeyPair:
        """Asks certificates.k8s.io for one, approves it, and removes the request.

        Raises:
            LocalClusterError: the cluster did not sign it; some managed clusters do not sign client certificates.
        """
        request, key = signing_request(user, groups)
        name = f"localcluster-{secrets.token_hex(6)}"
        spec = {
            "request": base64.b64encode(request).decode(),
            "signerName": _SIGNER,
            "expirationSeconds": _VALID_SECONDS,
            "usages": ["client auth"],
        }
        manifest = {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": spec,
        }
        self.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
        try:
            self.kubectl("certificate", "approve", name)
            return KeyPair(self._signed(name, user), key)
        finally:
            self.kubectl("delete", "certificatesigningrequest", name, "--ignore-not-found")

    def _signed(self, name: str, user: str) -> bytes:
        deadline = time.monotonic() + _SIGN_SECONDS
        while time.monotonic() < deadline:
            answer = self.kubectl("get", "csr", name, "--output=jsonpath={.status.certificate}").stdout
            if answer:
                return base64.b64decode(answer)
            time.sleep(0.1)
        raise LocalClusterError(f"{self.server} did not sign a client certificate for {user} ({_SIGNER})")
