"""`status`: what needs somebody's attention, on one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from watchkeeper.adapters.kubernetes.stored import parsed
from watchkeeper.admission.identity import NAMESPACE as OPERATOR_NAMESPACE
from watchkeeper.api.v1alpha1 import (
    ActionProposal,
    EmergencyStop,
    OperatorPolicy,
    StandingChange,
    Subject,
    Ticket,
)
from watchkeeper.api.v1alpha1.actionproposal import Phase
from watchkeeper.api.v1alpha1.meta import Resource
from watchkeeper.api.v1alpha1.operatorpolicy import POLICY_NAME
from watchkeeper.api.v1alpha1.ticket import TicketState
from watchkeeper.cli.attention import wrong
from watchkeeper.cli.cluster import Cluster, Raw
from watchkeeper.cli.listing import STANDS
from watchkeeper.cli.options import AllNamespaces
from watchkeeper.cli.printing import show_list
from watchkeeper.cli.proposals import NEVER, WAITING
from watchkeeper.cli.refusals import sentence
from watchkeeper.cli.session import Session
from watchkeeper.domain.orders import holds_for_nothing
from watchkeeper.errors import Denied


@dataclass(frozen=True, slots=True)
class Section:
    """A list with a heading; shown when there is something in it."""

    title: str
    kind: type[Resource]
    belongs: Callable[[Raw], bool] = lambda one: True


def _status(one: Raw, field: str) -> str:
    return str((one.get("status") or {}).get(field, ""))


def _unknown(one: Raw) -> bool:
    ended_so = (_status(one, "phase"), _status(one, "reason")) == (Phase.FAILED, "Unknown")
    return ended_so and "acknowledge" not in one["spec"]


def _held(one: Raw) -> bool:
    """Waits, and neither for people nor for good."""
    return _status(one, "waitsFor") not in ("", WAITING, NEVER)


SECTIONS = (
    Section("subjects", Subject),
    Section("stops in force", EmergencyStop),
    Section("waits for people to approve", ActionProposal, lambda one: _status(one, "waitsFor") == WAITING),
    Section("held up by something else", ActionProposal, _held),
    Section("under way", ActionProposal, lambda one: _status(one, "phase") == Phase.EXECUTING),
    Section("outcome unknown: look, then acknowledge", ActionProposal, _unknown),
    Section("left standing", StandingChange, lambda one: _status(one, "state") in STANDS),
    Section("open tickets", Ticket, lambda one: _status(one, "state") == TicketState.OPEN),
)

KINDS: tuple[type[Resource], ...] = (*dict.fromkeys(section.kind for section in SECTIONS), OperatorPolicy)
"""What is asked for, each once."""


async def status(session: Session, all_namespaces: AllNamespaces = False) -> None:
    """Show what needs attention: health, stops, what waits for people, what is under way or unknown, what stands."""
    async with session.cluster() as cluster:
        namespace = None if all_namespaces else session.namespace(cluster)
        found: dict[type[Resource], list[Raw]] = {}
        denied: list[Denied] = []
        for kind in KINDS:
            try:
                found[kind] = await cluster.find(kind, namespace)
            except Denied as error:
                denied.append(error)
        if not found:
            raise denied[0]
        shown = [_show(session, cluster, section, found.get(section.kind, [])) for section in SECTIONS]
        said = {
            "what is wrong": list(
                wrong(
                    found.get(Subject, []), found.get(ActionProposal, []), found.get(StandingChange, []), cluster.now()
                )
            ),
            "held up by the standing orders": [
                *_without_orders(found.get(Subject, []), found.get(OperatorPolicy)),
                *_held_up(found.get(OperatorPolicy, []), found.get(EmergencyStop, [])),
            ],
            "stops of nothing": list(_holding_nothing(found.get(EmergencyStop, []), found.get(Subject))),
        }
        for title, sentences in said.items():
            _say(session, title, sentences)
        place = f"namespace {namespace}" if namespace else "any namespace"
        if found.get(Subject) == []:  # nobody should take a wrong namespace for a quiet night
            elsewhere = f"; everywhere: {session.program} status -A" if namespace else ""
            session.screen.note(f"there is no Subject in {place}, so no database is watched there{elsewhere}")
        elif not any((*shown, *said.values())):
            session.screen.note(f"nothing to see in {place}")
        for refusal in denied:
            session.screen.note(f"not shown: {sentence(refusal, session)}")


def _without_orders(subjects: Sequence[Raw], policies: Sequence[Raw] | None) -> Iterator[str]:
    """Namespaces in which nothing is planned; None: policies may not be read."""
    given = {one["metadata"]["namespace"] for one in policies or () if one["metadata"]["name"] == POLICY_NAME}
    for where in sorted({one["metadata"]["namespace"] for one in subjects} - given) if policies is not None else ():
        yield f"{where}: there is no OperatorPolicy named {POLICY_NAME}: nothing new is admitted and nothing executes"


def _held_up(policies: Sequence[Raw], stops: Sequence[Raw]) -> Iterator[str]:
    """Why nothing may run although all seems well, as the status of each policy tells; stops that are listed are not repeated."""
    listed = {f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in stops}
    for policy in policies:
        where, status = policy["metadata"]["namespace"], policy.get("status") or {}
        for condition in status.get("conditions", ()):
            if (condition["type"], condition["status"]) == ("Ready", "False"):
                yield f"{where}: {condition['message']}"
        for name in status.get("stops", ()):
            if name not in listed:
                yield f"{where}: EmergencyStop {name} is in force"
        for window in status.get("openFreezeWindows", ()):
            yield f"{where}: freeze window until {window['untilTime']}: {window['reason']}"
        for frozen in status.get("frozenActions", ()):
            subject, action, proposal = frozen["subject"], frozen["action"], frozen["proposal"]
            yield f"{where}: {action} is frozen on {subject} until {proposal} is acknowledged"


def _holding_nothing(stops: Sequence[Raw], subjects: Sequence[Raw] | None) -> Iterator[str]:
    """Stops that look as if they held and name nothing that exists; None: Subjects may not be read."""
    for raw in stops if subjects is not None else ():
        namespace = raw["metadata"]["namespace"]
        if namespace == OPERATOR_NAMESPACE:
            continue
        names = [one["metadata"]["name"] for one in subjects or () if one["metadata"]["namespace"] == namespace]
        said = holds_for_nothing(parsed(EmergencyStop, raw), names)
        if said is not None:
            yield f"{namespace}: EmergencyStop {raw['metadata']['name']}: {said}"


def _say(session: Session, title: str, sentences: Sequence[str]) -> None:
    for number, line in enumerate(sentences):
        if number == 0:
            session.screen.say(f"== {title}")
        session.screen.say(line)


def _show(session: Session, cluster: Cluster, section: Section, objects: list[Raw]) -> bool:
    chosen = [one for one in objects if section.belongs(one)]
    if chosen:
        session.screen.say(f"== {section.title}")
        show_list(session.screen, section.kind, chosen, None, now=cluster.now(), everywhere=True)
    return bool(chosen)
