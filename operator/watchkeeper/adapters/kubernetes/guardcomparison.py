"""Compare admission policies and bindings as stored with how they must be; pure.

Only `spec` counts: labels, annotations and status change nothing of what is enforced. What the API server takes for the
same is the same here: an absent and an empty field (a selector that is empty selects everything, as an absent one does),
and the order of lists that are sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from watchkeeper.api.v1alpha1 import KINDS as KINDS_OF_OURS
from watchkeeper.api.v1alpha1.meta import GROUP
from watchkeeper.ports.guards import GuardFault, GuardProblem

Manifest = Mapping[str, Any]
Specs = Mapping[str, Mapping[str, Any]]
"""Name of the object to its spec."""

POLICIES = "validatingadmissionpolicies"
BINDINGS = "validatingadmissionpolicybindings"
STAMPS = "mutatingadmissionpolicies"
STAMP_BINDINGS = "mutatingadmissionpolicybindings"
VALIDATING = (POLICIES, BINDINGS)
MUTATING = (STAMPS, STAMP_BINDINGS)

KINDS = {
    "ValidatingAdmissionPolicy": POLICIES,
    "ValidatingAdmissionPolicyBinding": BINDINGS,
    "MutatingAdmissionPolicy": STAMPS,
    "MutatingAdmissionPolicyBinding": STAMP_BINDINGS,
}
_KIND_OF = {plural: kind for kind, plural in KINDS.items()}
_SETS = frozenset({"validationActions", "operations", "resources", "apiGroups", "apiVersions", "resourceNames"})
_FILES = dict.fromkeys(VALIDATING, "manifests/10-admission.yaml") | dict.fromkeys(
    MUTATING, "manifests/11-admission-mutating.yaml"
)
ALL = "*"
_OURS = frozenset(kind.info.plural for kind in KINDS_OF_OURS)
_PARTS = frozenset({"", "status"})
"""The object itself and its status: what a request about one of our kinds can be about."""
_SHOWN = 3
"""Differences of one object that are named; more would hide the next object."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The shipped set, by resource and name."""

    specs: Mapping[str, Specs]
    plain: Mapping[str, Specs]
    """In the form in which specs are compared."""

    @classmethod
    def of(cls, manifests: Sequence[Manifest]) -> Expected:
        """From the rendering; objects of other kinds are left out."""
        specs: dict[str, dict[str, Mapping[str, Any]]] = {plural: {} for plural in KINDS.values()}
        for item in manifests:
            if item["kind"] in KINDS:
                specs[KINDS[item["kind"]]][item["metadata"]["name"]] = item["spec"]
        return cls(
            specs, {plural: {name: _plain(spec) for name, spec in found.items()} for plural, found in specs.items()}
        )


def problems(expected: Expected, stored: Mapping[str, Specs | None]) -> tuple[GuardProblem, ...]:
    """Everything that is off about safety.

    Args:
        expected: the shipped set.
        stored: by resource; None where the API server does not have it (MutatingAdmissionPolicy before 1.36).
    """
    found: list[GuardProblem] = []
    for plural in (*VALIDATING, *MUTATING):
        there = stored.get(plural) or {}
        for name, spec in expected.plain[plural].items():
            if name in there:
                found.extend(_changed(plural, name, spec, there[name]))
            elif plural in VALIDATING:  # a missing stamp only makes commands longer
                found.append(_missing(plural, name))
    found.extend(_foreign(expected, stored.get(STAMPS) or {}))
    return tuple(sorted(found, key=lambda problem: list(GuardFault).index(problem.fault)))


def stamping(expected: Expected, stored: Mapping[str, Specs | None]) -> bool:
    """Whether every mutating policy of ours and its binding is there as shipped."""
    for plural in MUTATING:
        there = stored.get(plural) or {}
        wanted = expected.plain[plural]
        if not wanted or any(name not in there or _plain(there[name]) != wanted[name] for name in wanted):
            return False
    return True


def _missing(plural: str, name: str) -> GuardProblem:
    return GuardProblem(
        GuardFault.MISSING, f"{_KIND_OF[plural]} {name} is missing", f"kubectl apply --server-side -f {_FILES[plural]}"
    )


def _changed(plural: str, name: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[GuardProblem]:
    stored = _plain(found)
    if stored != wanted:
        paths = list(_differences(wanted, stored, "spec"))
        more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
        text = f"{_KIND_OF[plural]} {name} is not as shipped: {', '.join(paths[:_SHOWN])}{more}"
        # Applying would leave what was added to the object.
        yield GuardProblem(GuardFault.CHANGED, text, f"kubectl replace -f {_FILES[plural]}")


def _foreign(expected: Expected, stamps: Specs) -> Iterator[GuardProblem]:
    """Mutating policies of others that are about our kinds: they could sign for people who did not mean to."""
    for name, spec in stamps.items():
        if name in expected.specs[STAMPS]:
            continue
        constraints = spec.get("matchConstraints") or {}
        rules = constraints.get("resourceRules") or ()
        text = f"MutatingAdmissionPolicy {name} is not ours and changes objects of {GROUP}"
        if any(GROUP in (rule.get("apiGroups") or ()) for rule in rules) or name.endswith(f".{GROUP}"):
            yield GuardProblem(GuardFault.FOREIGN, text, f"kubectl delete mutatingadmissionpolicy {name}")
        elif _all_of_ours(constraints):
            # It may have its good reasons elsewhere: no command that deletes it.
            text += f", as of all groups: take {GROUP} out (matchConstraints.excludeResourceRules)"
            yield GuardProblem(GuardFault.FOREIGN, text)


def _all_of_ours(constraints: Mapping[str, Any]) -> bool:
    """Whether rules about all groups change our objects or their status, and nothing takes all of these out."""
    changed = [
        _parts(rule, {ALL, *_OURS})
        for rule in constraints.get("resourceRules") or ()
        if ALL in (rule.get("apiGroups") or ())
    ]
    spared = [_parts(rule, {ALL}) for rule in constraints.get("excludeResourceRules") or () if _is_whole(rule)]
    return bool(set().union(*changed) - set().union(*spared))


def _parts(rule: Mapping[str, Any], kinds: Set[str]) -> set[str]:
    """What a rule is about, of an object of these kinds: the object itself (an empty text), its status.

    ``*`` is every object and no subresource, ``*/*`` both. Source: k8s.io/apiserver pkg/admission/plugin/webhook/predicates/rules.
    """
    found: set[str] = set()
    for resource in rule.get("resources") or ():
        kind, _, part = resource.partition("/")
        if kind in kinds:
            found |= _PARTS if part == ALL else _PARTS & {part}
    return found


def _is_whole(rule: Mapping[str, Any]) -> bool:
    """Whether a rule that excludes does so for our group, whatever is done and in whichever version; our kinds are namespaced."""
    everything = all(ALL in (rule.get(field) or ()) for field in ("apiVersions", "operations"))
    ours = bool({GROUP, ALL} & set(rule.get("apiGroups") or ())) and rule.get("scope", ALL) in (ALL, "Namespaced")
    return everything and ours and not rule.get("resourceNames")


def _plain(value: Any, key: str = "") -> Any:
    """Without empty parts, and with sets in order."""
    if isinstance(value, Mapping):
        parts = {name: _plain(item, name) for name, item in value.items()}
        return {name: item for name, item in parts.items() if item not in (None, {}, [])}
    if isinstance(value, list | tuple):
        items = [_plain(item) for item in value]
        return sorted(items, key=str) if key in _SETS else items
    return value


def _differences(wanted: Any, found: Any, path: str) -> Iterator[str]:
    """Paths of what differs."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for name in sorted(wanted.keys() | found.keys()):
            yield from _differences(wanted.get(name), found.get(name), f"{path}.{name}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _differences(one, other, f"{path}[{number}]")
    elif wanted != found:
        yield path
