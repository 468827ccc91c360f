"""PD's audit: a line in its log for what may change something, and a count of every request by who sent it.

Sources: `pkg/audit/audit.go`, `pkg/utils/requestutil/request_info.go`; recordings audit-01 to audit-14, surprise 41.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from urllib.parse import parse_qs

from watchkeeper.simulator import gotext
from watchkeeper.simulator.pdapi.exchange import Call
from watchkeeper.simulator.world.clock import Clock

ANONYMOUS = "anonymous"
_KEPT = 1000


def caller_of(call: Call) -> str:
    """Who sent it, as the request says; the older header `component` stands in for the newer one."""
    return call.headers.get("x-caller-id") or call.headers.get("component") or ANONYMOUS


class Audit:
    """What one cluster's members have been asked. Only the last lines are kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.requests: Counter[tuple[str, str]] = Counter()
        """How often, by caller and service, as in `pd_service_audit_requests_total`."""
        self.lines: deque[str] = deque(maxlen=_KEPT)
        """Of the log, oldest first: also those of refused requests."""

    def note(self, service: str, call: Call) -> None:
        """A member answers a request itself, or as the leader for a follower."""
        self.requests[(caller_of(call), service)] += 1
        if call.method != "GET" or service == "GetRegions":
            self.lines.append(self._line(service, call))

    def _line(self, service: str, call: Call) -> str:
        address, _, port = call.remote.partition(":")
        forwarded = call.headers.get("x-forwarded-for", "").partition(",")[0].strip()
        if forwarded:
            address, port = forwarded, call.headers.get("x-forwarded-port", "").partition(",")[0].strip()
        query = json.dumps(parse_qs(call.query, keep_blank_values=True), separators=(",", ":"), sort_keys=True)
        now = self._clock.wall_ns()
        info = (
            f"{{ServiceLabel:{service}, Method:HTTP/1.1/{call.method}:{call.path}, CallerID:{caller_of(call)}, "
            f"IP:{address}, Port:{port}, StartTime:{gotext.date_time(now)} +0000 UTC, URLParam:{query}, "
            f"BodyParam:{call.body.decode('utf-8', errors='replace')}}}"
        )
        moment = gotext.log_time(now)
        return f'[{moment}] [INFO] [audit.go:133] ["audit log"] [service-info={json.dumps(info, ensure_ascii=False)}]'
