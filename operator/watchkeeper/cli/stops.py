"""`stop`: it needs nothing but the right to create it, and asks nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any

import typer

from watchkeeper.admission.identity import NAMESPACE as OPERATOR_NAMESPACE
from watchkeeper.api.v1alpha1 import ActionProposal, EmergencyStop, Subject
from watchkeeper.api.v1alpha1.actionproposal import Phase
from watchkeeper.cli.cluster import Cluster, Raw
from watchkeeper.cli.exits import Exit, Failure
from watchkeeper.cli.options import ObjectOutput, OperatorNamespace, Reason
from watchkeeper.cli.printing import show_object
from watchkeeper.cli.refusals import explained, sentence
from watchkeeper.cli.session import Session
from watchkeeper.errors import Denied, Transient, WatchkeeperError

MAX_TRIES = 5
PAUSE_SECONDS = 1.0
_TERMINATING = "because it is being terminated"
"""What the API server's NamespaceLifecycle says to every create in a namespace that is being deleted (seen on 1.37)."""


async def stop(
    session: Session,
    reason: Reason,
    subject: Annotated[
        list[str] | None,
        typer.Option(help="Only this Subject; may be repeated. Default: the whole namespace.", metavar="NAME"),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything, in all namespaces.")] = False,
    operator_namespace: OperatorNamespace = OPERATOR_NAMESPACE,
    output: ObjectOutput = None,
) -> None:
    """Stop at once: from then on no write to a database starts. What waits is cancelled, what is under way is watched."""
    if everything and (subject or session.given.namespace):
        raise Failure(Exit.USAGE, "--all stops everything: leave out --subject and --namespace")
    async with session.cluster() as cluster:
        namespace = operator_namespace if everything else session.namespace(cluster)
        subject = list(dict.fromkeys(subject or ()))
        spec: dict[str, Any] = {"reason": reason} | ({"subjects": subject} if subject else {})
        with suppress(WatchkeeperError):  # a stop without a name is better than no stop
            spec["by"] = await cluster.whoami()
        try:
            made = await _create(session, cluster, namespace, spec)
        except Denied as error:
            told = explained(error, session)
            less = session.command("stop", "--reason", "TEXT", namespace="NAMESPACE")
            one = (f"who may stop a single namespace: {less}",) if everything else ()
            if _TERMINATING in error.message:
                raise Failure(Exit.REFUSED, *_going(session, namespace)) from error
            raise Failure(told.code, *told.lines, *one) from error
        name = made["metadata"]["name"]
        if output is not None:
            show_object(session.screen, EmergencyStop, made, output)
        else:
            session.screen.say(f"stopped: {scope_of(namespace, subject, everything)} ({name} in namespace {namespace})")
            session.screen.note(f"go on again with: {session.command('resume', name, namespace=namespace)}")
        place = None if everything else namespace
        await _under_way(session, cluster, place, subject)
        await _covers_something(session, cluster, place, subject)


def _going(session: Session, namespace: str) -> list[str]:
    """What to know of a namespace that is being deleted: the API server takes no new object there."""
    return [
        f"namespace {namespace} is being deleted and takes no stop any more: not stopped",
        "no proposal begins there, stop or not; what stands in its databases is released",
        f"to hold that up as well, stop everything: {session.program} stop --all --reason TEXT",
    ]


async def _create(session: Session, cluster: Cluster, namespace: str, spec: dict[str, Any]) -> Raw:
    """Try hard: a second stop does no harm, so that it is tried again also where the first may have arrived."""
    for _ in range(MAX_TRIES - 1):
        try:
            return await cluster.create(EmergencyStop, namespace, "stop-", spec)
        except Transient as error:
            session.screen.note(f"not stopped yet, trying again: {sentence(error, session)}")
            await asyncio.sleep(PAUSE_SECONDS)
    return await cluster.create(EmergencyStop, namespace, "stop-", spec)


async def _under_way(session: Session, cluster: Cluster, namespace: str | None, subjects: list[str]) -> None:
    """Say what was sent before the stop, as far as it can be seen."""
    try:
        found = await cluster.find(ActionProposal, namespace, {"status.phase": Phase.EXECUTING})
    except WatchkeeperError as error:
        session.screen.note(f"what is under way cannot be seen: {sentence(error, session)}")
        return
    names = [
        f"{one['metadata']['namespace']}/{one['metadata']['name']}"
        for one in found
        if not subjects or one["spec"]["subjectRef"]["name"] in subjects
    ]
    if names:
        session.screen.note(f"under way already, watched to the end: {', '.join(names)}")


async def _covers_something(session: Session, cluster: Cluster, namespace: str | None, subjects: list[str]) -> None:
    """Nobody should believe that something was stopped when nothing was.

    Raises:
        Failure: the stop is there, and there is nothing that it stops.
    """
    try:
        names = {one["metadata"]["name"] for one in await cluster.find(Subject, namespace)}
    except WatchkeeperError as error:
        session.screen.note(f"which Subjects it covers cannot be seen: {sentence(error, session)}")
        return
    if namespace is not None and (missing := set(subjects) - names):
        raise Failure(
            Exit.NOT_FOUND,
            f"there is no Subject {', '.join(sorted(missing))} in namespace {namespace}",
            f"there {'is' if len(names) == 1 else 'are'} {', '.join(sorted(names)) or 'none'}",
            _NOTHING,
        )
    if not names:
        where = f"in namespace {namespace}" if namespace is not None else "in any namespace"
        raise Failure(Exit.NOT_FOUND, f"there is no Subject {where}", _NOTHING)


_NOTHING = "the stop was created and stops nothing now: say where with -n, --subject, --context or --all"


def scope_of(namespace: str, subjects: list[str], everything: bool) -> str:
    """What a stop reaches, in words."""
    if everything:
        return "everything, in all namespaces"
    return f"{', '.join(subjects)} in namespace {namespace}" if subjects else f"everything in namespace {namespace}"
