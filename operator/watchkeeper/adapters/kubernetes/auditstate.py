"""`ports.audit.CheckpointStore`: a ConfigMap for checkpoints and a Secret with the key, both in the operator's namespace.

Both are made at the installation, the operator may only use them by their names.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence

from watchkeeper.adapters.kubernetes import paths
from watchkeeper.adapters.kubernetes.connection import MERGE_PATCH, Requester
from watchkeeper.errors import Gone, Invalid

CHECKPOINTS = "watchkeeper-audit-checkpoints"
KEY = "watchkeeper-audit-key"
KEY_FIELD = "ed25519.pem"


class KubernetesCheckpoints:
    """Checkpoints by chain, as the data of one ConfigMap."""

    def __init__(self, connection: Requester, namespace: str) -> None:
        self._connection = connection
        self._namespace = namespace

    async def key(self) -> bytes:
        """See the port."""
        where = f"Secret {self._namespace}/{KEY}"
        try:
            raw = await self._connection.request("GET", paths.item("", "v1", "secrets", self._namespace, KEY))
        except Gone:
            raise Invalid(
                [f"{where} with the key of the audit checkpoints is missing; make it: {self._command()}"]
            ) from None
        value = (raw.get("data") or {}).get(KEY_FIELD)
        if not value:
            raise Invalid([f"{where} has no {KEY_FIELD}; make it anew: {self._command()}"])
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            raise Invalid([f"{where}: {KEY_FIELD} is not base64"]) from None

    async def read(self) -> Mapping[str, str]:
        """See the port."""
        try:
            raw = await self._connection.request("GET", self._place())
        except Gone:
            raise self._missing() from None
        return dict(raw.get("data") or {})

    async def write(self, chain: str, text: str, drop: Sequence[str]) -> None:
        """See the port. Each chain has a field of its own, so that two processes never collide."""
        data: dict[str, str | None] = {**dict.fromkeys(drop), chain: text}
        try:
            await self._connection.request("PATCH", self._place(), {"data": data}, content=MERGE_PATCH)
        except Gone:
            raise self._missing() from None

    def _place(self) -> str:
        return paths.item("", "v1", "configmaps", self._namespace, CHECKPOINTS)

    def _missing(self) -> Invalid:
        where = f"ConfigMap {self._namespace}/{CHECKPOINTS}"
        return Invalid(
            [
                f"{where} for the audit checkpoints is missing: kubectl apply --server-side -f manifests/20-operator-rbac.yaml"
            ]
        )

    def _command(self) -> str:
        return (
            f"openssl genpkey -algorithm ed25519 | kubectl -n {self._namespace} create secret generic {KEY} "
            f"--from-file={KEY_FIELD}=/dev/stdin"
        )
