"""What a ServiceAccount may do, one permission at a time, as the roles bound to it in a live cluster say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from localcluster.cluster import Cluster


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """One verb on one resource. Empty `namespace`: in all; empty `name`: every object."""

    group: str
    resource: str
    """With the subresource: ``actionproposals/status``."""
    verb: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        which = f" {self.name}" if self.name else ""
        return f"{self.verb} {self.resource}{'.' + self.group if self.group else ''}{which}{where}"

    def covers(self, other: Permission) -> bool:
        """Whether this grant allows that request."""
        same = (self.group, self.resource, self.verb) == (other.group, other.resource, other.verb)
        return same and self.namespace in {"", other.namespace} and self.name in {"", other.name}


def granted(cluster: Cluster, account: str, namespace: str) -> list[Permission]:
    """Every permission that bindings give to the ServiceAccount by its name.

    What every authenticated user has through the system's own groups is not among them.
    """
    found: set[Permission] = set()
    for kind in ("clusterrolebindings", "rolebindings"):
        for bound in _items(cluster, kind, "-A"):
            if any(_is(subject, account, namespace) for subject in bound.get("subjects") or ()):
                role = _role(cluster, bound)
                found |= set(_permissions(role["rules"], bound["metadata"].get("namespace", "")))
    return sorted(found)


def _is(subject: dict[str, Any], account: str, namespace: str) -> bool:
    return (subject["kind"], subject["name"], subject.get("namespace")) == ("ServiceAccount", account, namespace)


def _role(cluster: Cluster, bound: dict[str, Any]) -> dict[str, Any]:
    reference = bound["roleRef"]
    place = ["-n", bound["metadata"]["namespace"]] if reference["kind"] == "Role" else []
    output = cluster.kubectl(*place, "get", reference["kind"].lower(), reference["name"], "-o", "json").stdout
    role: dict[str, Any] = json.loads(output)
    return role


def _permissions(rules: Iterable[dict[str, Any]], namespace: str) -> Iterator[Permission]:
    for rule in rules:
        for group in rule.get("apiGroups", ()):
            for resource in rule.get("resources", ()):
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames") or ("",):
                        yield Permission(group, resource, verb, namespace, name)


def _items(cluster: Cluster, *words: str) -> list[dict[str, Any]]:
    return list(json.loads(cluster.kubectl("get", *words, "-o", "json").stdout)["items"])
