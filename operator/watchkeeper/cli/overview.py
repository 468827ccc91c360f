"""`status`: what needs somebody's attention, on one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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
from watchkeeper.api.v1alpha1.ticket import TicketState
from watchkeeper.cli.cluster import Cluster, Raw
from watchkeeper.cli.listing import STANDS
from watchkeeper.cli.options import AllNamespaces
from watchkeeper.cli.printing import show_list
from watchkeeper.cli.proposals import WAITING
from watchkeeper.cli.refusals import sentence
from watchkeeper.cli.session import Session
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


SECTIONS = (
    Section("subjects", Subject),
    Section("stops in force", EmergencyStop),
    Section("waits for people to approve", ActionProposal, lambda one: _status(one, "waitsFor") == WAITING),
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
        held = list(_held_up(found.get(OperatorPolicy, []), found.get(EmergencyStop, [])))
        if held:
            session.screen.say("== held up by the standing orders")
            for line in held:
                session.screen.say(line)
        if not any((*shown, held)):
            session.screen.note(f"nothing to see in {f'namespace {namespace}' if namespace else 'any namespace'}")
        for refusal in denied:
            session.screen.note(f"not shown: {sentence(refusal, session)}")


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


def _show(session: Session, cluster: Cluster, section: Section, objects: list[Raw]) -> bool:
    chosen = [one for one in objects if section.belongs(one)]
    if chosen:
        session.screen.say(f"== {section.title}")
        show_list(session.screen, section.kind, chosen, None, now=cluster.now(), everywhere=True)
    return bool(chosen)
