"""Paths of the API; every name in them is checked, so that no text can lead elsewhere."""

from __future__ import annotations

import re

from watchkeeper.api.v1alpha1.meta import GROUP, VERSION, Resource
from watchkeeper.errors import Invalid

_SEGMENT = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
"""RFC 1123 subdomain, as the API server demands of the names of objects and namespaces used here."""


def segment(name: str) -> str:
    """The name, if it can be one.

    Raises:
        Invalid: it cannot: upper case, slashes, empty and so on.
    """
    if not _SEGMENT.fullmatch(name) or ".." in name:
        raise Invalid([f"metadata.name: {name[:80]!r} is no name of a Kubernetes object"], reason="InvalidName")
    return name


def collection(group: str, version: str, plural: str, namespace: str | None) -> str:
    """The path of all objects of a kind; `group` is empty for the core."""
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    return f"{root}/namespaces/{segment(namespace)}/{plural}" if namespace is not None else f"{root}/{plural}"


def item(group: str, version: str, plural: str, namespace: str | None, name: str) -> str:
    """The path of one object."""
    return f"{collection(group, version, plural, namespace)}/{segment(name)}"


def of_kind(kind: type[Resource], namespace: str | None) -> str:
    """All objects of a kind of ours."""
    return collection(GROUP, VERSION, kind.info.plural, namespace)


def of_object(obj: Resource, subresource: str = "") -> str:
    """One object of ours."""
    path = f"{of_kind(type(obj), obj.metadata.namespace)}/{segment(obj.metadata.name)}"
    return f"{path}/{subresource}" if subresource else path
