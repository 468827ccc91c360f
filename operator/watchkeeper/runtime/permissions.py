"""What the operator must be allowed to do; asked once at the start, so that a missing right is a clear refusal."""

from __future__ import annotations

from watchkeeper.adapters.kubernetes.access import Permission
from watchkeeper.api.v1alpha1 import KINDS
from watchkeeper.api.v1alpha1.meta import GROUP

_ADMISSION = "admissionregistration.k8s.io"
_GUARDS = (
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
)
_FINALIZED = ("actionproposals", "standingchanges", "subjects")
_NEVER_READ_ALONE = ("emergencystops",)


def needed(operator_namespace: str, namespaces: tuple[str, ...] | None) -> tuple[Permission, ...]:
    """Every permission without which nothing works; what only some Subjects need (pods, Secrets) is not asked for."""
    places: tuple[str | None, ...] = namespaces or (None,)
    wanted: list[Permission] = []
    for place in places:
        for kind in KINDS:
            plural = kind.info.plural
            verbs = ("list", "watch") if plural in _NEVER_READ_ALONE else ("get", "list", "watch")
            wanted += [Permission(verb, GROUP, plural, namespace=place) for verb in verbs]
            if kind.info.has_status:
                wanted.append(Permission("patch", GROUP, plural, "status", place))
            if plural in _FINALIZED:
                wanted.append(Permission("patch", GROUP, plural, namespace=place))
        wanted.append(Permission("delete", GROUP, "actionproposals", namespace=place))
        wanted += [Permission("create", GROUP, plural, namespace=place) for plural in ("standingchanges", "tickets")]
        wanted.append(Permission("create", "events.k8s.io", "events", namespace=place))
        wanted.append(Permission("get", "", "namespaces", namespace=place))  # is it going away? a release asks
    wanted += [Permission(verb, _ADMISSION, plural) for plural in _GUARDS for verb in ("list", "watch")]
    wanted.append(Permission("create", GROUP, "actionproposals", namespace=operator_namespace))  # the guards' probe
    wanted += [
        Permission(verb, "coordination.k8s.io", "leases", namespace=operator_namespace)
        for verb in ("get", "create", "update")
    ]
    return tuple(wanted)
