"""Lists of admission policies and bindings, in whichever version of the API the server has them.

The kinds that validate are in v1 on every server that we support. The mutating ones are in v1 from Kubernetes 1.36 on.
Before, they are in v1beta1 (1.34 and 1.35) or v1alpha1 where somebody switched that version and the feature gate
MutatingAdmissionPolicy on, and they change objects just as well. So where v1 does not have them the API server is asked
which versions it has, and each is tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watchkeeper.adapters.kubernetes import paths
from watchkeeper.adapters.kubernetes.answers import KindNotInstalled
from watchkeeper.adapters.kubernetes.guardcomparison import MUTATING, Specs
from watchkeeper.adapters.kubernetes.pages import read_versioned
from watchkeeper.adapters.kubernetes.requester import Requester
from watchkeeper.errors import Denied, Transient

GROUP = "admissionregistration.k8s.io"
VERSION = "v1"
NO_DISCOVERY = "NoDiscovery"
"""Reason of `Denied`: the API server does not say which versions it has."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What is stored, and where a watch goes on."""

    path: str
    specs: Specs
    resource_version: str


async def list_guards(connection: Requester, plural: str) -> Listed | None:
    """Everything of one of the four kinds; None where the API server has a mutating kind in no version.

    The versions of a kind share what is stored, so that the first that is there shows everything.

    Raises:
        Denied: reading is not allowed.
        Transient: there was no answer, or none that tells.
    """
    try:
        return await _list(connection, VERSION, plural)
    except KindNotInstalled:
        if plural not in MUTATING:
            raise
    for version in await _other_versions(connection):
        try:
            return await _list(connection, version, plural)
        except KindNotInstalled:
            continue
    return None


async def _list(connection: Requester, version: str, plural: str) -> Listed:
    path = paths.collection(GROUP, version, plural, None)
    items, resource_version = await read_versioned(connection, path)
    return Listed(path, {item["metadata"]["name"]: item.get("spec") or {} for item in items}, resource_version)


async def _other_versions(connection: Requester) -> list[str]:
    """The versions of the group, but for v1. An answer without v1, which everything else is read in, tells nothing."""
    path = f"/apis/{GROUP}"
    try:
        group = await connection.request("GET", path)
    except Denied as error:
        text = f"{error.message}: bind the ClusterRole system:discovery to the operator's ServiceAccount"
        raise Denied(text, reason=NO_DISCOVERY) from error
    versions = _names(group.get("versions"))
    if VERSION not in versions:
        raise Transient(f"GET {path}: the answer does not tell the versions of the group", reason="NotAGroup")
    return [paths.segment(version) for version in versions if version != VERSION]


def _names(versions: Any) -> list[str]:
    """Of an APIGroup's `versions`."""
    if not isinstance(versions, Sequence):
        return []
    return [str(one.get("version")) for one in versions if isinstance(one, Mapping)]
