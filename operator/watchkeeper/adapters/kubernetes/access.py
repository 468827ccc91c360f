"""Who we are and which permissions we have, asked so that a missing one is a clear refusal and not an endless retry."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.adapters.kubernetes import paths
from watchkeeper.adapters.kubernetes.requester import Requester
from watchkeeper.errors import Transient

_WHO = paths.collection("authentication.k8s.io", "v1", "selfsubjectreviews", None)
_REVIEWS = paths.collection("authorization.k8s.io", "v1", "selfsubjectaccessreviews", None)


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """One verb on one resource; `namespace` None means in all of them, `group` empty the core, `name` empty all."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    namespace: str | None = None
    name: str = ""

    def __str__(self) -> str:
        """As `kubectl auth can-i` would be asked."""
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        subresource = f" --subresource={self.subresource}" if self.subresource else ""
        where = "--all-namespaces" if self.namespace is None else f"--namespace={self.namespace}"
        name = f"/{self.name}" if self.name else ""
        return f"{self.verb} {resource}{name}{subresource} {where}"


async def whoami(connection: Requester) -> str:
    """Our user name as the API server sees it.

    Raises:
        WatchkeeperError: the question could not be asked, or was not answered.
    """
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = await connection.request("POST", _WHO, body)
    name = ((answer.get("status") or {}).get("userInfo") or {}).get("username")
    if not isinstance(name, str) or not name:
        raise Transient("the API server does not say who we are", reason="NoUserName")
    return name


async def missing(connection: Requester, wanted: Sequence[Permission]) -> list[Permission]:
    """Those of `wanted` that we do not have; anything but a plain yes counts as no.

    Raises:
        WatchkeeperError: the question itself could not be asked.
    """
    answers = await asyncio.gather(*(_allowed(connection, permission) for permission in wanted))
    return [permission for permission, allowed in zip(wanted, answers, strict=True) if not allowed]


async def _allowed(connection: Requester, permission: Permission) -> bool:
    attributes = {
        "verb": permission.verb,
        "group": permission.group,
        "resource": permission.resource,
        "subresource": permission.subresource,
        "namespace": permission.namespace or "",
        "name": permission.name,
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = await connection.request("POST", _REVIEWS, body)
    return (answer.get("status") or {}).get("allowed") is True
