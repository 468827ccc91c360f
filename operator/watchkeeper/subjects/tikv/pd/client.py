"""Reads from PD with failover between its members, and the connection that a write is sent over.

Only reads are tried again, on the next member: after transport errors, where a member has no leader to pass them on
to, and after 5xx that say nothing else. A write is sent once, over a connection to the leader that is already open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from watchkeeper.errors import (
    NotConnected,
    NotLeader,
    RateLimited,
    Transient,
    Unreachable,
)
from watchkeeper.ports.driver import WriteContext
from watchkeeper.subjects.tikv.pd import routes
from watchkeeper.subjects.tikv.pd.answers import RawAnswer
from watchkeeper.subjects.tikv.pd.budget import Budget, Lane
from watchkeeper.subjects.tikv.pd.classification import read_error, write_error
from watchkeeper.subjects.tikv.pd.models import Members
from watchkeeper.subjects.tikv.pd.routes import Read, Write
from watchkeeper.subjects.tikv.pd.transport import Security, fetch, send

MEMBERS_WORTH_WAITING_FOR = 2
"""One read over all members takes at most this many deadlines of its route."""
WRITE_PATH_REQUESTS = 2
"""Who leads, asked of the leader itself, and the write."""
WRONG_CLUSTER = "WrongCluster"
"""Reason of the `Unreachable` that says that this is another cluster."""


class PDClient:
    """Reads with failover.

    Args:
        endpoints: client URLs, already checked.
        security: TLS and the caller's name.
        budget: the two lanes.
        cluster_id: of the cluster that this Subject is; None where it was never seen, then the first answer decides.
    """

    def __init__(
        self, endpoints: Sequence[str], *, security: Security, budget: Budget, cluster_id: int | None = None
    ) -> None:
        self.endpoints = tuple(endpoints)
        self.budget = budget
        self.cluster_id = cluster_id
        self._security = security
        self._http = security.client(2 * len(self.endpoints) + 2)
        self._current = 0
        self._identified: set[str] = set()

    async def read(self, route: Read, lane: Lane) -> RawAnswer:
        """The answer to a read.

        Raises:
            Transient: no member answered (`Unreachable`, `NotConnected`, `NotLeader`), `RateLimited`.
            Gone: there is no such thing.
            NotBootstrapped: no store has joined yet.
            Refused: PD does not take the question.
        """
        seconds = route.seconds * MEMBERS_WORTH_WAITING_FOR
        try:
            async with asyncio.timeout(seconds):
                return await self._read_anywhere(route, lane)
        except TimeoutError as error:
            raise Unreachable(f"PD gave no answer to {route.path} within {seconds:.0f} s") from error

    async def members(self, lane: Lane) -> Members:
        """Who the members are and who leads; the cluster id is checked."""
        return parse_members(await self.read(routes.MEMBERS, lane))

    @property
    def endpoint(self) -> str:
        """The member that answered last."""
        return self.endpoints[self._current]

    async def leader_connection(self) -> LeaderConnection:
        """An open connection to PD's leader, by the execution lane, with the budget for one write taken; close it.

        Raises:
            Transient: `NotLeader`, `NotConnected`, `Unreachable` or `RateLimited`; nothing was sent.
        """
        lane = self.budget.execution
        await lane.take(WRITE_PATH_REQUESTS)
        members = await self.members(lane)
        endpoint = self._leader_url(members)
        http = self._security.client(1)
        try:
            answer = await fetch(http, endpoint, routes.MEMBERS)
            if answer.status != httpx.codes.OK:
                raise read_error(answer)
            seen = parse_members(answer)
            self._check_cluster(seen, endpoint)
            if seen.leader.name != members.leader.name:
                raise NotLeader(f"PD's leadership is moving from {members.leader.name} to {seen.leader.name}")
        except BaseException:
            await http.aclose()
            raise
        return LeaderConnection(http, endpoint, str(seen.header.cluster_id), seen.leader.name)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _read_anywhere(self, route: Read, lane: Lane) -> RawAnswer:
        failures: list[Transient] = []
        for index in self._rotation():
            endpoint = self.endpoints[index]
            try:
                answer = await self._ask(endpoint, route, lane)
            except RateLimited:
                raise
            except (Unreachable, NotConnected, NotLeader) as error:
                self._identified.discard(endpoint)
                if error.reason == WRONG_CLUSTER:
                    raise
                failures.append(error)
                continue
            self._current = index
            return answer
        # A member that answers that nobody leads says more than one that does not answer.
        raise next((failure for failure in failures if isinstance(failure, NotLeader)), failures[-1])

    async def _ask(self, endpoint: str, route: Read, lane: Lane) -> RawAnswer:
        if route is not routes.MEMBERS and not route.local and endpoint not in self._identified:
            await self._ask(endpoint, routes.MEMBERS, lane)
        async with lane.slot():
            answer = await fetch(self._http, endpoint, route)
        if answer.status != httpx.codes.OK:
            raise read_error(answer)
        if route is routes.MEMBERS:
            self._check_cluster(parse_members(answer), endpoint)
            self._identified.add(endpoint)
        return answer

    def _rotation(self) -> list[int]:
        count = len(self.endpoints)
        if count == 1:
            # It may be a Service: another connection may lead to another member.
            return [0, 0]
        return [(self._current + step) % count for step in range(count)]

    def _check_cluster(self, members: Members, endpoint: str) -> None:
        found = members.header.cluster_id
        if self.cluster_id is None:
            self.cluster_id = found
        if found != self.cluster_id:
            raise Unreachable(
                f"PD at {endpoint} belongs to cluster {found}, this Subject is cluster {self.cluster_id}: correct "
                "spec.tikv, or create another Subject for the new cluster",
                reason=WRONG_CLUSTER,
            )

    def _leader_url(self, members: Members) -> str:
        if not members.leader.name or not members.leader.client_urls:
            raise NotLeader("PD has no leader")
        urls = [url.rstrip("/") for url in members.leader.client_urls]
        known = next((url for url in urls if url in self.endpoints), None)
        url = known or urls[0]
        expected, found = urlsplit(self.endpoint), urlsplit(url)
        if found.scheme != expected.scheme or not found.hostname or found.path or found.query or found.username:
            raise NotConnected(
                f"PD's leader announces the client URL {url!r}, which is not a plain {expected.scheme} URL: "
                "correct advertise-client-urls of PD"
            )
        return url


@dataclass(frozen=True, slots=True)
class LeaderConnection:
    """An open connection to the member that leads; it sends one write and awaits nothing else."""

    http: httpx.AsyncClient
    endpoint: str
    cluster_id: str
    leader: str

    async def send(self, write: Write, context: WriteContext) -> RawAnswer:
        """Send it, once.

        Raises:
            Refused, RateLimited, NotLeader, NotConnected: provably not applied.
            Unreachable: it may have been applied.
        """
        answer = await send(self.http, self.endpoint, write, context)
        if not httpx.codes.is_success(answer.status) and not _already_gone(write, answer):
            raise write_error(answer)
        return answer

    async def close(self) -> None:
        """Close it."""
        await self.http.aclose()


def parse_members(answer: RawAnswer) -> Members:
    """`/members` as a value.

    Raises:
        Unreachable: it is something else.
    """
    try:
        return Members.model_validate_json(answer.body)
    except ValidationError as error:
        raise Unreachable(f"PD's answer to /members makes no sense: {answer.text()}", reason="BadAnswer") from error


def _already_gone(write: Write, answer: RawAnswer) -> bool:
    # DELETE of an entry that is not there: 404 with the four letters `null` (ev-10); the router's own 404 is a text.
    return write.method == "DELETE" and answer.status == httpx.codes.NOT_FOUND and answer.body.strip() == b"null"
