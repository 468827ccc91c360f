"""What a fault proxy can do to a request, and to which requests: plain values, composed by tests at run time."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from enum import StrEnum


class Break(StrEnum):
    """How a connection ends."""

    RESET = "reset"
    """RST: the client sees "connection reset by peer" at once."""
    CLOSE = "close"
    """FIN on both halves: what was announced and not sent is missing."""
    HALF_CLOSE = "half-close"
    """FIN on our half only: the client reads end of file, while its own bytes are still taken."""
    HANG = "hang"
    """Nothing more is ever sent; the connection stays open until the client goes."""


@dataclass(frozen=True)
class Latency:
    """Wait before anything else; the only fault that goes together with others."""

    seconds: float


@dataclass(frozen=True)
class Silence:
    """No answer at all; `applied` says whether the request reaches the server, and has been answered there, before.

    Without `refusals`, the answer to what the server refused (a status from 400 on) passes.
    """

    how: Break
    applied: bool = False
    refusals: bool = True


@dataclass(frozen=True)
class Cut:
    """The answer's head and the first `after_bytes` of its body are sent, then it breaks; also for watches."""

    how: Break
    after_bytes: int = 0


@dataclass(frozen=True)
class Answer:
    """Another answer than the server's; without `body` an API server's Status, or PD's JSON string.

    `retry_after` is in seconds.
    """

    status: int
    message: str = "injected by the fault proxy"
    retry_after: int | None = None
    body: str | None = None
    applied: bool = False


Fault = Latency | Silence | Cut | Answer


def reset() -> Silence:
    """RST before the server sees the request."""
    return Silence(Break.RESET)


def half_close() -> Silence:
    """End of file in place of an answer; the server does not see the request."""
    return Silence(Break.HALF_CLOSE)


def hang() -> Silence:
    """Never an answer; the server does not see the request."""
    return Silence(Break.HANG)


def dropped_answer(how: Break = Break.RESET, *, refusals: bool = True) -> Silence:
    """The server applies or refuses the request, and its answer is lost; without `refusals` only where it applies it."""
    return Silence(how, applied=True, refusals=refusals)


def truncated(after_bytes: int) -> Cut:
    """The body ends early, and so does the connection."""
    return Cut(Break.CLOSE, after_bytes)


def silent_watch(after_bytes: int = 0) -> Cut:
    """The stream stays open, and no byte comes any more."""
    return Cut(Break.HANG, after_bytes)


@dataclass(frozen=True)
class Match:
    """Which requests; everything that is given must hold.

    `path` is searched in path and query, `caller` in X-Caller-ID and User-Agent, `body` in the request's body. Of the
    requests that fit, `nth` takes only that one (from 1), `times` the first so many, `probability` each by a coin that
    `seed` makes repeatable.
    """

    method: str | None = None
    path: str | None = None
    caller: str | None = None
    body: str | None = None
    watch: bool | None = None
    nth: int | None = None
    times: int | None = None
    probability: float = 1.0
    seed: int = 0

    def fits(self, method: str, path: str, caller: str, body: str) -> bool:
        """Whether a request is of the kind, before counting."""
        return (
            self.method in (None, method)
            and (self.path is None or re.search(self.path, path) is not None)
            and (self.caller is None or re.search(self.caller, caller) is not None)
            and (self.body is None or re.search(self.body, body) is not None)
            and self.watch in (None, is_watch(path))
        )


def is_watch(path: str) -> bool:
    """Whether the query asks the API server for a stream."""
    return re.search(r"[?&]watch=(true|1)\b", path) is not None


@dataclass
class Rule:
    """A fault for the requests that match, with its counters; `fitting` counts before nth, times and probability."""

    match: Match
    fault: Fault
    fitting: int = 0
    hits: int = 0
    _coin: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._coin = random.Random(self.match.seed)

    def takes(self, method: str, path: str, caller: str, body: str) -> bool:
        """Decide about one request, and count it."""
        if not self.match.fits(method, path, caller, body):
            return False
        self.fitting += 1
        taken = (
            self.match.nth in (None, self.fitting)
            and (self.match.times is None or self.hits < self.match.times)
            and self._coin.random() < self.match.probability
        )
        self.hits += taken
        return taken
