"""What a member does with a request: answer it itself, or forward it to the leader, or fail as PD fails.

Sources: surprises 32 to 37 of the recordings (leader-change.json), `pkg/utils/apiutil/serverapi/middleware.go`.
"""

from __future__ import annotations

from watchkeeper.simulator.pdapi import (
    adminroutes,
    configroutes,
    configwrites,
    gcroutes,
    hotroutes,
    labelroutes,
    membership,
    operatorroutes,
    placementroutes,
    regionroutes,
    rulewrites,
    scatterroutes,
    schedulerconfig,
    schedulerroutes,
    shapes,
    splitroutes,
    statsroutes,
    storeremovals,
    storeroutes,
    storewrites,
    toproutes,
)
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import NOT_BOOTSTRAPPED, Answer, Call, plain, reply
from watchkeeper.simulator.pdapi.router import Route, Router
from watchkeeper.simulator.pdapi.services import service_of
from watchkeeper.simulator.world.members import Member, MemberState

REDIRECT_FAILED = "[PD:apiutil:ErrRedirect]redirect failed\n"
NOT_LEADER = "[PD:apiutil:ErrRedirectToNotLeader]redirect to not leader\n"
NO_LEADER = "[PD:apiutil:ErrRedirectNoLeader]redirect finds no leader\n"
_WAIT_FOR_LEADER = 3.0
_REGIONS_OF_STORE = "/regions/store/"
"""What hangs once the index per store is locked (recordings lock-06, lock-07)."""
_LEADER = "/pd/api/v1/leader"
"""What was asked of a leader that goes on after others have elected another one; of other routes nothing is known."""
_LEASE = 6.0
"""While a hung leader's lease lasts, what is forwarded hangs with it (lc-tl-8)."""

ALL_ROUTES = [
    *membership.ROUTES,
    *adminroutes.ROUTES,
    *storeroutes.ROUTES,
    *regionroutes.ROUTES,
    *operatorroutes.ROUTES,
    *schedulerroutes.ROUTES,
    *schedulerconfig.ROUTES,
    *configroutes.ROUTES,
    *placementroutes.ROUTES,
    *rulewrites.ROUTES,
    *configwrites.ROUTES,
    *storewrites.ROUTES,
    *storeremovals.ROUTES,
    *labelroutes.ROUTES,
    *gcroutes.ROUTES,
    *hotroutes.ROUTES,
    *statsroutes.ROUTES,
    *toproutes.ROUTES,
    *scatterroutes.ROUTES,
    *splitroutes.ROUTES,
]


class Front:
    """The HTTP API of every member, as a function from call to answer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._router = Router(ALL_ROUTES)
        self._leader = next(one for one in ALL_ROUTES if (one.method, one.template) == ("GET", _LEADER))

    def handle(self, member: Member, call: Call) -> Answer:
        """The member's answer; a member that is down must not be asked."""
        if member.state is MemberState.HUNG:
            return Answer(hangs=True)
        found = self._router.resolve(call)
        if isinstance(found, Answer):
            return found
        route, resolved = found
        if route is self._leader and member.leads_in_its_own_eyes_until > self._context.world.clock.now:
            return reply(shapes.member(member))
        if route.local or member.name == self._context.members.leader:
            return self._answer(member, route, resolved)
        if "pd-allow-follower-handle" in call.headers:
            return self._as_follower(member, route, resolved)
        if "pd-redirector" in call.headers:
            return plain(NOT_LEADER, 500)
        return self._forward(member, route, resolved)

    def _answer(self, member: Member, route: Route, call: Call) -> Answer:
        if member.stalled and not route.local:
            return Answer(hangs=True)
        if member.is_locked and _REGIONS_OF_STORE in route.template:
            return Answer(hangs=True)
        self._context.member = member
        service = service_of(route.method, route.template)
        if service is not None:
            self._context.audit.note(service, call)
        return route.answer(self._context, call)

    def _as_follower(self, member: Member, route: Route, call: Call) -> Answer:
        """Only regions are known to a follower (surprise 37)."""
        if route.follower and call.method == "GET":
            return self._answer(member, route, call)
        return reply(NOT_BOOTSTRAPPED, 500)

    def _forward(self, member: Member, route: Route, call: Call) -> Answer:
        members = self._context.members
        if member.is_locked:
            return _no_leader()
        leader = members.get(members.leader or "")
        if leader is None or leader.state is MemberState.DOWN:
            return plain(REDIRECT_FAILED, 500)
        if leader.state is MemberState.HUNG:
            return self._while_hung(member)
        return self._answer(leader, route, call)

    def _while_hung(self, member: Member) -> Answer:
        """First it hangs with the leader; then one follower says 500 and the others 503 after a wait."""
        members = self._context.members
        since = members.leader_hung_since
        if since is not None and self._context.world.clock.now - since < _LEASE:
            return Answer(hangs=True)
        followers = [one for one in members.all if one.state is MemberState.RUNNING]
        if followers and member is followers[0]:
            return plain(NOT_LEADER, 500)
        return _no_leader()


def _no_leader() -> Answer:
    answer = plain(NO_LEADER, 503)
    return Answer(answer.status, answer.body, answer.content_type, delay=_WAIT_FOR_LEADER)
