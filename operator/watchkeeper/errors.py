"""The tree of errors; a caller may catch at any level.

::

    WatchkeeperError            carries `reason`, a CamelCase constant for conditions and events
    ├── Transient               try again later; carries `retry_after` seconds
    │   ├── Unreachable         no answer came: for a write, whether it was applied is not known
    │   ├── NotLeader           PD has no leader, or the member asked could not reach it
    │   └── RateLimited         429
    ├── Stalled                 a person is needed
    ├── Invalid                 the request is wrong; carries every problem found, each with its path
    ├── Refused                 the database said no and gave its reason: provably not applied
    ├── Denied                  a policy says no
    ├── Conflict                somebody wrote first: read again
    ├── Gone                    the thing is no more
    └── NotBootstrapped         PD answers, but no store has joined the cluster yet
"""

from __future__ import annotations

from collections.abc import Sequence


class WatchkeeperError(Exception):
    """The root; `reason` is a CamelCase constant, the message a sentence that a user can act on."""

    reason = "Error"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if reason is not None:
            self.reason = reason


class Transient(WatchkeeperError):
    """May pass by itself; `retry_after` is in seconds, None where nothing is known."""

    reason = "Transient"

    def __init__(self, message: str, *, reason: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class Unreachable(Transient):
    """No answer came (refused, reset, timed out): a write may or may not have been applied."""

    reason = "Unreachable"


class NotConnected(Transient):
    """No connection could be made: nothing was sent."""

    reason = "NotConnected"


class NotLeader(Transient):
    """PD has no leader now, or the member asked could not reach it."""

    reason = "NoLeader"


class RateLimited(Transient):
    """The server answered 429; obey `retry_after`."""

    reason = "RateLimited"


class Stalled(WatchkeeperError):
    """Only a person can help."""

    reason = "Stalled"


class Invalid(WatchkeeperError):
    """The request is wrong; `problems` are all that were found, each beginning with its path."""

    reason = "Invalid"

    def __init__(self, problems: Sequence[str], *, reason: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems), reason=reason)


class StopUnreadable(Invalid):
    """An EmergencyStop is there that cannot be understood, so it may hold for everything."""

    reason = "StopUnreadable"


class Refused(WatchkeeperError):
    """The database said no and gave its reason: nothing was changed."""

    reason = "Refused"

    def __init__(self, message: str, *, reason: str | None = None, status: int | None = None) -> None:
        super().__init__(message, reason=reason)
        self.status = status


class Denied(WatchkeeperError):
    """A policy, or the API server, says no."""

    reason = "Denied"


class Conflict(WatchkeeperError):
    """The object was changed since it was read: read again."""

    reason = "Conflict"


class Gone(WatchkeeperError):
    """The object or target is no more."""

    reason = "Gone"


class NotBootstrapped(WatchkeeperError):
    """PD answers, but no store has joined the cluster yet."""

    reason = "NotBootstrapped"
