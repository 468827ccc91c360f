"""Who the operator is to the API server, and where it lives."""

from __future__ import annotations

import re
from dataclasses import dataclass

from watchkeeper.errors import Invalid

NAMESPACE = "watchkeeper-system"
SERVICE_ACCOUNT = "watchkeeper-controller"

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class Identity:
    """The operator's ServiceAccount.

    Both names stand inside quotes in CEL expressions, so nothing but a DNS label is let through.

    Raises:
        Invalid: a name is no DNS label (RFC 1123).
    """

    namespace: str = NAMESPACE
    service_account: str = SERVICE_ACCOUNT

    def __post_init__(self) -> None:
        names = {"namespace": self.namespace, "service_account": self.service_account}
        wrong = [f"{field}: {name!r} is no DNS label" for field, name in names.items() if not _LABEL.match(name)]
        if wrong:
            raise Invalid(wrong)

    @classmethod
    def of_user(cls, user: str, namespace: str) -> Identity:
        """Who runs as this user in this namespace; for anybody but a ServiceAccount of it the usual one is meant."""
        prefix = f"system:serviceaccount:{namespace}:"
        return cls(namespace, user.removeprefix(prefix) if user.startswith(prefix) else SERVICE_ACCOUNT)

    @property
    def user(self) -> str:
        """The user name that the API server sees."""
        return f"system:serviceaccount:{self.namespace}:{self.service_account}"
