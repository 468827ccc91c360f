"""`resume`: what would be lifted and what goes on then, whether one may, and only then the question."""

from __future__ import annotations

from typing import Annotated

import typer

from watchkeeper.adapters.kubernetes.access import Permission
from watchkeeper.adapters.kubernetes.stored import parsed
from watchkeeper.admission.identity import NAMESPACE as OPERATOR_NAMESPACE
from watchkeeper.api.v1alpha1 import ActionProposal, EmergencyStop, StandingChange
from watchkeeper.api.v1alpha1.actionproposal import Phase
from watchkeeper.api.v1alpha1.emergencystop import EVERYTHING
from watchkeeper.api.v1alpha1.meta import GROUP
from watchkeeper.cli.attention import name_of, status_of
from watchkeeper.cli.cluster import Cluster, Raw
from watchkeeper.cli.exits import Exit, Failure
from watchkeeper.cli.options import Yes
from watchkeeper.cli.printing import show_list
from watchkeeper.cli.proposals import NEVER
from watchkeeper.cli.refusals import sentence
from watchkeeper.cli.session import Session
from watchkeeper.cli.stops import scope_of
from watchkeeper.domain.approval import SERVICE_ACCOUNT_PREFIX
from watchkeeper.domain.orders import reach_of
from watchkeeper.errors import WatchkeeperError


async def resume(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Which stop; not needed where there is one.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Lift a stop. What it cancelled stays cancelled; releases that waited go on."""
    async with session.cluster() as cluster:
        namespace = session.namespace(cluster)
        wanted = await _which(session, cluster, namespace, name)
        # The operator may run elsewhere; what it has said of the stop is right wherever it does.
        reach = wanted.status.scope or reach_of(wanted, operator_namespace=OPERATOR_NAMESPACE)
        everything = reach == EVERYTHING
        then = await _goes_on(session, cluster, wanted, None if everything else namespace)
        session.screen.facts(
            [
                ("stop", [f"{wanted.metadata.name} in namespace {namespace}"]),
                ("scope", [scope_of(namespace, list(wanted.spec.subjects or ()), everything)]),
                ("why", [f"“{wanted.spec.reason}”"]),
                ("by", [wanted.spec.by or "somebody"]),
                *([("goes on", then)] if then else []),
            ]
        )
        await _may_lift(cluster, wanted)
        if not yes:
            if not session.screen.interactive:
                raise Failure(Exit.NOT_CONFIRMED, "there is no terminal to ask on", "repeat with --yes")
            if session.screen.ask("Lift this stop? [y/N]").lower() not in ("y", "yes"):
                raise Failure(Exit.NOT_CONFIRMED, "the stop stays")
        held_by = await cluster.delete(wanted)
        if held_by:
            raise Failure(
                Exit.REFUSED,
                f"{wanted.metadata.name} stays in force: it is being deleted, but held by finalizer {', '.join(held_by)}",
                "find out who put it there; to take it out: "
                f'kubectl -n {namespace} patch estop {wanted.metadata.name} --type merge -p \'{{"metadata":{{"finalizers":[]}}}}\'',
            )
        session.screen.say(f"lifted {wanted.metadata.name}")
        await _left(session, cluster, namespace)


async def _may_lift(cluster: Cluster, wanted: EmergencyStop) -> None:
    """The rules of `admission.guards.RESUME`, told before anything is asked; the API server decides.

    Raises:
        Failure: this user may not.
    """
    who, where, plural = await cluster.whoami(), wanted.metadata, EmergencyStop.info.plural
    if who.startswith(SERVICE_ACCOUNT_PREFIX):
        raise Failure(Exit.NOT_ALLOWED, "lifting a stop is for people: service accounts may not")
    wanting = [Permission(verb, GROUP, plural, "", where.namespace, where.name) for verb in ("resume", "delete")]
    if lacking := await cluster.lacking(wanting):
        verb = lacking[0].verb
        raise Failure(
            Exit.NOT_ALLOWED,
            f"{who} lacks verb {verb} on {plural} in namespace {where.namespace}: the stop stays",
            f"ask for ClusterRole watchkeeper-resumer; check with: kubectl -n {where.namespace} auth can-i {verb} {plural}",
        )


async def _goes_on(session: Session, cluster: Cluster, wanted: EmergencyStop, namespace: str | None) -> list[str]:
    """What begins as soon as it is lifted, as far as it can be seen: releases that are due, and what was not cancelled yet.

    The operator cancels what waits within seconds; where it does not run, a stop that comes and goes has cancelled nothing.
    """
    try:
        changes = await cluster.find(StandingChange, namespace)
        proposals = await cluster.find(ActionProposal, namespace)
    except WatchkeeperError as error:
        return [f"cannot be seen: {sentence(error, session)}"]
    names = wanted.spec.subjects if namespace is not None else None

    def reached(one: Raw) -> bool:
        return not names or one["spec"]["subjectRef"]["name"] in names

    due = [one for one in changes if reached(one) and status_of(one).get("waitsFor") == STOPPED]
    open_still = [one for one in proposals if reached(one) and _may_run(one)]
    return [
        *(
            f"{name_of(one)}: {one['spec']['change']['type']} is taken off {one['spec']['change']['target']}"
            for one in due
        ),
        *(f"{name_of(one)}: this stop has not cancelled it yet: is the operator running?" for one in open_still),
    ]


_OPEN = (None, Phase.PROPOSED, Phase.VALIDATED)
STOPPED = "Stopped"
"""`status.waitsFor` of a release that is due."""


def _may_run(proposal: Raw) -> bool:
    status = status_of(proposal)
    return status.get("phase") in _OPEN and status.get("waitsFor") != NEVER


async def _which(session: Session, cluster: Cluster, namespace: str, name: str | None) -> EmergencyStop:
    """The stop that is meant.

    Raises:
        Failure: there is none, or it is not clear which.
    """
    if name is not None:
        return await cluster.read(EmergencyStop, namespace, name)
    found = await cluster.find(EmergencyStop, namespace)
    if not found:
        raise Failure(
            Exit.NOT_FOUND,
            f"there is no stop in namespace {namespace}",
            f"one that stops everything is in the operator's namespace: {session.command('resume', namespace=OPERATOR_NAMESPACE)}",
        )
    if len(found) > 1:
        show_list(session.screen, EmergencyStop, found, None, now=cluster.now(), everywhere=False)
        raise Failure(Exit.USAGE, f"there are {len(found)} stops in namespace {namespace}: say which")
    return parsed(EmergencyStop, found[0])


async def _left(session: Session, cluster: Cluster, namespace: str) -> None:
    """Say which stops still hold, as far as they can be seen."""
    for place in dict.fromkeys((namespace, OPERATOR_NAMESPACE)):
        try:
            names = [one["metadata"]["name"] for one in await cluster.find(EmergencyStop, place)]
        except WatchkeeperError as error:
            session.screen.note(f"whether stops hold in namespace {place} cannot be seen: {sentence(error, session)}")
            continue
        if names:
            session.screen.note(f"still in force in namespace {place}: {', '.join(names)}")
