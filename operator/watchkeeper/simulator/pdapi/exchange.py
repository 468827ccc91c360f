"""A call to PD's API and its answer, free of any socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from watchkeeper.simulator import gojson
from watchkeeper.simulator.gojson import BadJson, Json

JSON_TYPE = "application/json; charset=UTF-8"
TEXT_TYPE = "text/plain; charset=utf-8"
RENDERED_TEXT_TYPE = "text/plain; charset=UTF-8"
"""PD's renderer and Go's http.Error spell the character set differently."""
REGION_TYPE = "application/octet-stream"
V2_TYPE = "application/json; charset=utf-8"

NIL_POINTER = "runtime error: invalid memory address or nil pointer dereference"
NOT_BOOTSTRAPPED = "[PD:cluster:ErrNotBootstrapped]TiKV cluster not bootstrapped, please start TiKV first"


@dataclass(frozen=True)
class Call:
    """A request: `path` is still percent-encoded, as PD's router matches it."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """What the route's template names, decoded."""
    remote: str = "127.0.0.1:0"
    """Address and port of the client."""

    def values(self, name: str) -> list[str]:
        """All values of a query parameter; bytes that are no UTF-8 are kept, for keys are written so."""
        return parse_qs(self.query, keep_blank_values=True, errors="surrogateescape").get(name, [])

    def value(self, name: str) -> str:
        """The first value of a query parameter; empty where it is missing, as in Go."""
        return next(iter(self.values(name)), "")

    def has(self, name: str) -> bool:
        """Whether the query names the parameter at all."""
        return bool(self.values(name))


@dataclass(frozen=True)
class Answer:
    """What PD answers, and how long it takes; `hangs` means that no answer ever comes."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Virtual seconds before it is sent: PD itself waits."""
    latency: float = 0.0
    """Real seconds before it is sent: a fault of the network."""
    hangs: bool = False
    is_cut: bool = False
    """The connection breaks in the middle of the body."""
    later: Callable[[], Answer] | None = None
    """PD is not done yet: what it answers is known after the `delay`, or put off again."""


class PdError(Exception):
    """Ends a handler with PD's error answer: a JSON string, or null."""

    def __init__(self, status: int, text: str | None) -> None:
        super().__init__(text)
        self.answer = reply(text, status)


class PdPanicError(PdError):
    """Ends a handler as a panic of PD does."""

    def __init__(self, text: str = NIL_POINTER) -> None:
        super().__init__(500, text)
        self.answer = panic(text)


def put_off(delay: float, later: Callable[[], Answer]) -> Answer:
    """PD goes on with the request after so many virtual seconds."""
    return Answer(delay=delay, later=later)


def reply(body: Json, status: int = 200) -> Answer:
    """JSON as PD's renderer frames it."""
    return Answer(status, gojson.pretty(body), JSON_TYPE)


def plain(text: str, status: int) -> Answer:
    """Plain text as Go's http.Error sends it."""
    return Answer(status, text.encode(), TEXT_TYPE)


def bad_json(error: BadJson) -> Answer:
    """The object shape of a parse error (recordings stores-18, ref-001)."""
    return Answer(400, gojson.pretty(error.body), JSON_TYPE, {"Tidb-Error-Code": "input"})


def internal(text: str) -> Answer:
    """The object shape of an internal error; PD's has the addresses of its stack, too."""
    body = {"code": "internal", "msg": text, "data": {}, "stack": []}
    return Answer(500, gojson.pretty(body), JSON_TYPE, {"Tidb-Error-Code": "internal"})


def panic(text: str) -> Answer:
    """PD's recovery from a panic: plain text (surprise 7)."""
    return plain(f"PANIC: {text}\ngoroutine 1 [running]:\n", 500)


def not_found(path: str = "") -> Answer:
    """The router's own answer (recording members-11); that of /pd/api/v2 is another library's."""
    if path.startswith("/pd/api/v2/"):
        return Answer(404, b"404 page not found", "text/plain")
    return plain("404 page not found\n", 404)
