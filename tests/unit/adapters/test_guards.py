"""The guards' state against an API server in memory that misbehaves: watches that expire, fall silent or break off."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from watchkeeper.adapters.kubernetes.answers import KindNotInstalled
from watchkeeper.adapters.kubernetes.connection import Connection
from watchkeeper.adapters.kubernetes.guardcomparison import (
    BINDINGS,
    KINDS,
    MUTATING,
    STAMP_BINDINGS,
    STAMPS,
    VALIDATING,
)
from watchkeeper.adapters.kubernetes.guardobjects import WatchTiming
from watchkeeper.adapters.kubernetes.guards import GuardTiming, KubernetesGuards
from watchkeeper.admission.rendering import render
from watchkeeper.errors import Denied, Transient, Unreachable, WatchkeeperError

USER = "system:serviceaccount:watchkeeper-system:watchkeeper-controller"
DECIDE = "proposal-decide.watchkeeper.dev"
WORDS = "a proposal cannot be created already decided: leave out spec.approvals, spec.cancel and spec.acknowledge"
REFUSED = Denied(f"forbidden: ValidatingAdmissionPolicy 'proposal-create.watchkeeper.dev' denied request: {WORDS}")
QUICK = GuardTiming(
    probe=0.02,
    probe_when_off=0.02,
    probe_patience=0.3,
    settle=0.1,
    first_look=0.5,
    watch=WatchTiming(relist=30.0, retry=0.02, patience=0.3),
)


GROUP_PATH = "/apis/admissionregistration.k8s.io"


class Server:
    """Stores the shipped set; its watches say what is put into them."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, Any]] = {plural: {} for plural in KINDS.values()}
        for item in render():
            self.stored[KINDS[item["kind"]]][item["metadata"]["name"]] = copy.deepcopy(item)
        self.served: dict[str, tuple[str, ...]] = {"v1": tuple(KINDS.values())}
        """Versions of the API group, with the resources that each has."""
        self.group: Any = None
        """What the question for the versions is answered with, if not truly."""
        self.refuse: dict[str, WatchkeeperError] = {}
        """By resource: what a list is answered with."""
        self.probe: WatchkeeperError | None = REFUSED
        self.lists: list[str] = []
        self.watches: dict[str, asyncio.Queue[dict[str, Any] | WatchkeeperError | None]] = {}
        self.clock = self

    def express(self) -> Server:
        return self

    def monotonic(self) -> float:
        return time.monotonic()

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        content: str = "",
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        del content
        if method == "POST":
            assert path == "/apis/watchkeeper.dev/v1alpha1/namespaces/watchkeeper-system/actionproposals"
            assert query == {"dryRun": "All"}, "nothing may ever be stored"
            assert isinstance(body, Mapping)
            assert body["spec"]["approvals"] == [{"by": USER, "decision": "Approved"}]
            if self.probe is not None:
                raise self.probe
            return {}
        if path == GROUP_PATH:
            return self._versions()
        version, plural = path.removeprefix(f"{GROUP_PATH}/").split("/")
        self.lists.append(plural)
        if plural in self.refuse:
            raise self.refuse[plural]
        if plural not in self.served.get(version, ()):
            raise KindNotInstalled(f"GET {path}: 404 page not found")
        items = [copy.deepcopy(item) for item in self.stored[plural].values()]
        return {"items": items, "metadata": {"resourceVersion": "7"}}

    def _versions(self) -> dict[str, Any]:
        if isinstance(self.group, WatchkeeperError):
            raise self.group
        names = [{"groupVersion": f"admissionregistration.k8s.io/{name}", "version": name} for name in self.served]
        return {"kind": "APIGroup", "versions": names} if self.group is None else self.group

    async def stream(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[dict[str, Any], None]:
        version, plural = path.removeprefix(f"{GROUP_PATH}/").split("/")
        assert plural in self.served[version]
        assert query["resourceVersion"] == "7"
        news = self.watches[plural] = asyncio.Queue()
        while (event := await news.get()) is not None:
            if isinstance(event, WatchkeeperError):
                raise event
            yield event

    def change(self, plural: str, name: str, change: Callable[[dict[str, Any]], Any] | None, *, said: bool) -> None:
        """Change or (None) delete an object; `said`: the watch tells."""
        item = self.stored[plural].pop(name)
        if change is not None:
            change(item["spec"])
            self.stored[plural][name] = item
        if said:
            kind = "DELETED" if change is None else "MODIFIED"
            self.watches[plural].put_nowait({"type": kind, "object": copy.deepcopy(item)})


def audited(spec: dict[str, Any]) -> None:
    spec["validationActions"] = ["Audit"]


@asynccontextmanager
async def guarding(server: Server, timing: GuardTiming = QUICK) -> AsyncIterator[KubernetesGuards]:
    guards = KubernetesGuards(
        cast("Connection", server), render(), namespace="watchkeeper-system", user=USER, timing=timing
    )
    try:
        yield guards
    finally:
        await guards.close()


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(2000):
        if holds():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it did not come to that")


async def test_after_the_first_look_they_are_active() -> None:
    async with guarding(Server()) as guards:
        assert not guards.known().known
        assert not guards.known().active
        assert not (await guards.survey()).active, "what was never followed is not active"
        told: list[bool] = []
        await guards.start(lambda: told.append(guards.known().active))
        assert guards.known().active
        assert guards.known().stamping
        assert told == [True]
        assert (await guards.survey()).active
        assert (await guards.probe()).active


@pytest.mark.parametrize("change", [None, audited])
async def test_news_of_a_watch_count_at_once_and_recovery_takes_its_time(
    change: Callable[[dict[str, Any]], Any] | None,
) -> None:
    server = Server()
    whole = copy.deepcopy(server.stored[BINDINGS][DECIDE])
    async with guarding(server) as guards:
        await guards.start(lambda: None)
        server.change(BINDINGS, DECIDE, change, said=True)
        await until(lambda: not guards.known().active)
        assert guards.known().reason == ("Missing" if change is None else "Changed")
        assert not (await guards.survey()).active
        assert not (await guards.probe()).active, "the probe alone is no proof"
        server.stored[BINDINGS][DECIDE] = whole
        server.watches[BINDINGS].put_nowait({"type": "ADDED", "object": whole})
        await until(lambda: guards.known().reason == "Settling")
        began = time.monotonic()
        await until(lambda: guards.known().active)
        assert time.monotonic() - began > 0.05


async def test_what_a_silent_watch_does_not_say_is_seen_before_a_write_and_makes_the_watches_look_again() -> None:
    server = Server()
    async with guarding(server) as guards:
        await guards.start(lambda: None)
        server.change(BINDINGS, DECIDE, audited, said=False)
        assert guards.known().active
        assert (await guards.survey()).reason == "Changed"
        await until(lambda: not guards.known().active)


async def test_a_silent_watch_is_ended_by_the_next_list() -> None:
    server = Server()
    timing = GuardTiming(probe=0.02, watch=WatchTiming(relist=0.05, retry=0.02, patience=5))
    async with guarding(server, timing) as guards:
        await guards.start(lambda: None)
        server.change(BINDINGS, DECIDE, None, said=False)
        await until(lambda: guards.known().reason == "Missing")


@pytest.mark.parametrize(
    "event",
    [
        {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}},
        Transient("too old resource version", reason="Expired"),
        Unreachable("the connection broke"),
        {"type": "BOOKMARK", "object": {}},
        {"type": "MODIFIED", "object": None},
        None,
    ],
    ids=["expired in the stream", "expired", "broken off", "bookmark", "nonsense", "ended"],
)
async def test_a_watch_that_ends_is_followed_by_a_list(event: dict[str, Any] | WatchkeeperError | None) -> None:
    server = Server()
    async with guarding(server) as guards:
        await guards.start(lambda: None)
        await until(lambda: BINDINGS in server.watches)
        before = server.lists.count(BINDINGS)
        server.change(BINDINGS, DECIDE, None, said=False)
        server.watches[BINDINGS].put_nowait(event)
        await until(lambda: server.lists.count(BINDINGS) > before)
        await until(lambda: guards.known().reason == "Missing")


async def test_a_server_without_mutating_policies_is_guarded_and_stamps_nothing() -> None:
    """Before Kubernetes 1.36; and where it is upgraded, the next list tells."""
    server = Server()
    server.served = {"v1": VALIDATING, "v1alpha1": ()}
    timing = GuardTiming(probe=0.02, watch=WatchTiming(relist=0.05, retry=0.02, patience=5))
    async with guarding(server, timing) as guards:
        await guards.start(lambda: None)
        assert guards.known().active
        assert not guards.known().stamping
        assert (await guards.survey()).active
        server.served = {"v1": tuple(KINDS.values())}
        await until(lambda: guards.known().stamping)


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha1"])
async def test_a_foreign_policy_in_an_older_version_of_the_api_is_seen(version: str) -> None:
    """Kubernetes 1.34 and 1.35, where somebody has switched that version on: listed, watched, and seen before a write."""
    server = Server()
    server.served = {"v1": VALIDATING, "v1beta1": ()} | {version: MUTATING}
    for plural in MUTATING:
        server.stored[plural].clear()
    foreign = {"matchConstraints": {"resourceRules": [{"apiGroups": ["watchkeeper.dev"], "resources": ["*"]}]}}
    item = {"metadata": {"name": "signs.example.com"}, "spec": foreign}
    async with guarding(server) as guards:
        await guards.start(lambda: None)
        assert guards.known().active
        await until(lambda: STAMPS in server.watches)
        server.watches[STAMPS].put_nowait({"type": "ADDED", "object": item})
        await until(lambda: guards.known().reason == "Foreign")
        server.watches[STAMPS].put_nowait({"type": "DELETED", "object": item})
        await until(lambda: guards.known().active)
        server.stored[STAMPS]["signs.example.com"] = item
        state = await guards.survey()
        assert state.reason == "Foreign"
        assert "kubectl delete mutatingadmissionpolicy signs.example.com" in state.message


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Denied("forbidden: cannot get path"), "bind the ClusterRole system:discovery"),
        (Unreachable("no answer"), "no answer"),
        (KindNotInstalled("404 page not found"), "404 page not found"),
        ({}, "does not tell the versions"),
        ({"versions": "v1"}, "does not tell the versions"),
        ({"versions": ["v1"]}, "does not tell the versions"),
        ({"versions": [{"version": "v1beta1"}]}, "does not tell the versions"),
        ({"versions": [{"version": "v1"}, {"version": "../v1"}]}, "is no name"),
    ],
    ids=["forbidden", "silent", "no group", "empty", "a string", "strings", "without v1", "a path"],
)
async def test_without_knowing_the_versions_of_the_api_nothing_executes(answer: Any, words: str) -> None:
    server = Server()
    server.served, server.group = {"v1": VALIDATING}, answer
    async with guarding(server) as guards:
        await guards.start(lambda: None)
        assert not guards.known().active
        state = await guards.survey()
        assert state.reason == "Unreadable"
        assert f"{STAMPS} cannot be read" in state.message
        assert words in state.message
        assert "kubectl apply" not in state.message, "that would not help"


async def test_stamps_that_are_not_bound_stamp_nothing() -> None:
    server = Server()
    async with guarding(server) as guards:
        await guards.start(lambda: None)
        server.change(STAMP_BINDINGS, "stamp-decision.watchkeeper.dev", None, said=True)
        await until(lambda: not guards.known().stamping)
        assert guards.known().active


@pytest.mark.parametrize("plural", [BINDINGS, STAMPS])
async def test_what_may_not_be_read_is_down_at_once(plural: str) -> None:
    server = Server()
    server.refuse = {plural: Denied("forbidden")}
    async with guarding(server) as guards:
        await guards.start(lambda: None)
        state = guards.known()
        assert (state.known, state.reason) == (True, "Unreadable")
        assert f"{plural} cannot be read" in state.message
        assert "kubectl apply --server-side -f manifests/20-operator-rbac.yaml" in state.message


async def test_a_server_that_does_not_answer_is_down_before_a_write_and_else_after_a_while() -> None:
    server = Server()
    async with guarding(server) as guards:
        await guards.start(lambda: None)
        server.probe = Unreachable("no answer")
        assert (await guards.probe()).reason == "Unreadable"
        assert (await guards.survey()).reason == "Unreadable"
        assert guards.known().active, "a hiccup is not news"
        await until(lambda: guards.known().reason == "Unreadable")
        server.probe = REFUSED
        await until(lambda: guards.known().active)


async def test_a_server_that_never_answered_becomes_known_as_unreadable() -> None:
    server = Server()
    server.refuse = dict.fromkeys(KINDS.values(), Unreachable("no answer"))
    server.probe = Unreachable("no answer")
    async with guarding(
        server, GuardTiming(first_look=0.05, probe=0.02, probe_when_off=0.02, watch=QUICK.watch)
    ) as guards:
        await guards.start(lambda: None)
        assert not guards.known().known
        await until(lambda: guards.known().known)
        assert guards.known().reason == "Unreadable"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "would have been accepted"),
        (Denied("actionproposals is forbidden: User cannot create resource"), "refused by something else"),
        (Denied(REFUSED.message.replace("create", "other", 1)), "refused by something else"),
        (Denied("ValidatingAdmissionPolicy 'proposal-create.watchkeeper.dev' denied request: no"), "something else"),
    ],
    ids=["accepted", "by RBAC", "by another policy", "with other words"],
)
async def test_only_our_own_refusal_with_our_words_is_a_proof(answer: WatchkeeperError | None, words: str) -> None:
    server = Server()
    server.probe = answer
    async with guarding(server) as guards:
        await guards.start(lambda: None)
        assert guards.known().reason == "NotEnforced"
        assert words in guards.known().message
        server.probe = REFUSED
        await until(lambda: guards.known().active)
        server.probe = answer
        assert (await guards.probe()).reason == "NotEnforced"
        assert guards.known().reason == "NotEnforced"


async def test_surveys_at_the_same_time_are_one() -> None:
    server = Server()
    async with guarding(server) as guards:
        await guards.start(lambda: None)
        await asyncio.sleep(0.05)
        before = len(server.lists)
        assert all(state.active for state in await asyncio.gather(*(guards.survey() for _ in range(50))))
        assert len(server.lists) - before == len(KINDS)
