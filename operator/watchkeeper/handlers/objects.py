"""Watch events to keys. Thin on purpose: Kopf hands over every event, one by one, and a slow handler would read stale ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import kopf

from watchkeeper.api.v1alpha1.meta import GROUP, VERSION, Key
from watchkeeper.api.v1alpha1.operatorpolicy import POLICY_NAME
from watchkeeper.engine.services import Services
from watchkeeper.engine.tracker import Seen, claims_of
from watchkeeper.handlers.echoes import Echoes
from watchkeeper.ports.objects import FINALIZER

POLICY_SECONDS = 5.0
"""From a claim, or from a proposal that comes or ends, to the look at what the policy's status counts of it: many make one look."""
_ENDED_PHASES = frozenset({"Completed", "Failed", "Cancelled"})
_ENDED_STATES = frozenset({"Lost", "HandedOver", "Released", "Abandoned"})


class WatchSigns:
    """When each kind was last heard of; for the readiness probe."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}

    def heard(self, kind: str) -> None:
        """An event of that kind came."""
        self._heard[kind] = time.monotonic()

    def age_seconds(self, kind: str) -> float | None:
        """Seconds since the last event of that kind; None when there was none."""
        at = self._heard.get(kind)
        return None if at is None else time.monotonic() - at


def register(registry: kopf.OperatorRegistry, services: Services, signs: WatchSigns, echoes: Echoes) -> None:
    """Register one handler for each kind."""

    def on(plural: str, handle: Callable[[Key, Mapping[str, Any], bool], None]) -> None:
        async def handler(body: kopf.Body, type: str | None, **_: Any) -> None:  # noqa: A002 - Kopf's name
            key = Key(str(body["kind"]), str(body["metadata"]["namespace"]), str(body["metadata"]["name"]))
            signs.heard(key.kind)
            handle(key, body, type == "DELETED")

        kopf.on.event(GROUP, VERSION, plural, id=f"watch-{plural}", registry=registry)(handler)

    on("actionproposals", lambda key, body, gone: _proposal(services, echoes, key, body, gone))
    on("standingchanges", lambda key, body, gone: _standing(services, key, body, gone))
    on("subjects", lambda key, body, gone: _subject(services, key, body, gone))
    on("operatorpolicies", lambda key, body, gone: _policy(services, key, body, gone))
    on("emergencystops", lambda key, body, gone: _stop(services, key, body, gone))
    on("tickets", lambda key, body, gone: _ticket(services, key, body, gone))


def _proposal(services: Services, echoes: Echoes, key: Key, body: Mapping[str, Any], gone: bool) -> None:
    status = body.get("status") or {}
    ended = status.get("phase") in _ENDED_PHASES
    counted = services.tracker.face_changed(key, str(ended))
    _track(services, key, body, gone, ended=ended)
    if counted or gone:
        _recount(services, key.namespace)
    echo = echoes.heard(body)
    # Nothing is left to do for one that has ended and lost its finalizer: a thousand of them cost nothing at a start.
    over = ended and FINALIZER not in (body["metadata"].get("finalizers") or ())
    if gone or not (echo or over):
        services.queue.add(key)


def _standing(services: Services, key: Key, body: Mapping[str, Any], gone: bool) -> None:
    status = body.get("status") or {}
    _track(services, key, body, gone, ended=status.get("state") in _ENDED_STATES)
    services.queue.add(key)


def _subject(services: Services, key: Key, body: Mapping[str, Any], gone: bool) -> None:
    status = body.get("status") or {}
    parts = (body["metadata"].get("generation"), status.get("observedGeneration"), status.get("health"))
    face = f"{parts} {status.get('reachable')} {body['metadata'].get('deletionTimestamp')} {gone}"
    changed = services.tracker.face_changed(key, face)
    _track(services, key, body, gone, ended=False)
    writes = [entry.get("operationKey") for entry in status.get("recentWrites") or ()]
    states = [(entry.get("operationKey"), entry.get("state")) for entry in status.get("inFlight") or ()]
    if not gone and services.tracker.face_changed(claims_of(key), f"{writes} {states}"):
        _recount(services, key.namespace)
    if changed:  # else a claim or a count has changed: the next look, which is due anyway, is soon enough
        services.queue.add(key)
        for other in services.tracker.keys(namespace=key.namespace, subject=key.name, live=not gone):
            services.queue.add(other)


def _policy(services: Services, key: Key, body: Mapping[str, Any], gone: bool) -> None:
    changed = services.tracker.face_changed(key, f"{body['metadata'].get('generation')} {gone}")
    _track(services, key, body, gone, ended=False)
    if changed:  # else its status: two processes that both write it must not answer each other for ever
        services.queue.add(key)
        services.gates.forget(key.namespace)
        _wake_all(services, key.namespace)


def _stop(services: Services, key: Key, body: Mapping[str, Any], gone: bool) -> None:
    changed = services.tracker.face_changed(key, f"{body['metadata'].get('generation')} {gone}")
    _track(services, key, body, gone, ended=False)
    if not changed:  # only its status, which we write
        return
    services.queue.add(key)
    services.gates.forget(key.namespace)
    everywhere = key.namespace == services.settings.operator_namespace
    _wake_all(services, None if everywhere else key.namespace)


def _ticket(services: Services, key: Key, body: Mapping[str, Any], gone: bool) -> None:
    """Only for people's `spec.hold`: a ticket is decided about with the look at its Subject, which they wait for."""
    _track(services, key, body, gone, ended=True)  # it waits for nothing
    if gone:
        return
    generation = body["metadata"].get("generation", 1)
    if services.tracker.face_changed(key, str(generation)) and generation > 1:
        subject = Key("Subject", key.namespace, str(body["spec"]["subjectRef"]["name"]))
        services.look_again.add(subject)
        services.queue.add(subject)


def _recount(services: Services, namespace: str) -> None:
    """The policy's status counts what waits and what was done: soon it is right again."""
    services.queue.add_after(Key("OperatorPolicy", namespace, POLICY_NAME), POLICY_SECONDS)


def _wake_all(services: Services, namespace: str | None) -> None:
    for kind in ("ActionProposal", "StandingChange", "Subject", "OperatorPolicy"):
        for key in services.tracker.keys(kind=kind, namespace=namespace, live=True):
            services.queue.add(key)


def _track(services: Services, key: Key, body: Mapping[str, Any], gone: bool, *, ended: bool) -> None:
    if gone:
        services.tracker.lost(key)
        return
    subject = ((body.get("spec") or {}).get("subjectRef") or {}).get("name")
    services.tracker.saw(key, Seen(subject=subject, ended=ended))
