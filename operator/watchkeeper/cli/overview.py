"""`status`: what needs somebody's attention, on one page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from watchkeeper.api.v1alpha1 import ActionProposal, EmergencyStop, StandingChange, Subject, Ticket
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


async def status(session: Session, all_namespaces: AllNamespaces = False) -> None:
    """Show what needs attention: health, stops, what waits for people, what is under way or unknown, what stands."""
    async with session.cluster() as cluster:
        namespace = None if all_namespaces else session.namespace(cluster)
        found: dict[type[Resource], list[Raw]] = {}
        denied: list[Denied] = []
        for kind in dict.fromkeys(section.kind for section in SECTIONS):
            try:
                found[kind] = await cluster.find(kind, namespace)
            except Denied as error:
                denied.append(error)
        if not found:
            raise denied[0]
        shown = [_show(session, cluster, section, found.get(section.kind, [])) for section in SECTIONS]
        if not any(shown):
            session.screen.note(f"nothing to see in {f'namespace {namespace}' if namespace else 'any namespace'}")
        for refusal in denied:
            session.screen.note(f"not shown: {sentence(refusal, session)}")


def _show(session: Session, cluster: Cluster, section: Section, objects: list[Raw]) -> bool:
    chosen = [one for one in objects if section.belongs(one)]
    if chosen:
        session.screen.say(f"== {section.title}")
        show_list(session.screen, section.kind, chosen, None, now=cluster.now(), everywhere=True)
    return bool(chosen)
