"""Routes of PD's API: templates with methods, who answers them, and what a cluster without stores makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import unquote

from watchkeeper.simulator.gojson import BadJson
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import (
    NIL_POINTER,
    NOT_BOOTSTRAPPED,
    Answer,
    Call,
    PdError,
    bad_json,
    not_found,
    panic,
    reply,
)

Handler = Callable[[Context, Call], Answer]


class Unbootstrapped(StrEnum):
    """What a route answers while no store has joined (recordings before-bootstrap-*)."""

    NORMAL = "normal"
    ERROR = "error"
    NOT_ACCEPTABLE = "not-acceptable"
    NULL = "null"
    PANIC = "panic"


@dataclass(frozen=True)
class Route:
    """One template and method. `local`: the member asked answers; `follower`: it may, if the header says so."""

    method: str
    template: str
    handler: Handler
    local: bool = False
    follower: bool = False
    unbootstrapped: Unbootstrapped = Unbootstrapped.ERROR

    def answer(self, context: Context, call: Call) -> Answer:
        """Handle the call; refusals become PD's answers."""
        if not context.world.bootstrapped and self.unbootstrapped is not Unbootstrapped.NORMAL:
            return self._not_bootstrapped()
        try:
            return self.handler(context, call)
        except PdError as error:
            return error.answer
        except BadJson as error:
            return bad_json(error)

    def _not_bootstrapped(self) -> Answer:
        match self.unbootstrapped:
            case Unbootstrapped.NOT_ACCEPTABLE:
                return reply(NOT_BOOTSTRAPPED, 406)
            case Unbootstrapped.NULL:
                return reply(None, 406)
            case Unbootstrapped.PANIC:
                return panic(NIL_POINTER)
            case _:
                return reply(NOT_BOOTSTRAPPED, 500)


class Router:
    """Finds the route of a path by walking its parts."""

    def __init__(self, routes: list[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._root.insert(route)

    def resolve(self, call: Call) -> tuple[Route, Call] | Answer:
        """The route and the call with its arguments; or the router's 404 or 405."""
        found = self._root.find(_parts(call.path), {})
        if not found:
            return not_found(call.path)
        for node, arguments in found:
            route = node.routes.get(call.method)
            if route is not None:
                decoded = {name: unquote(value, errors="surrogateescape") for name, value in arguments.items()}
                return route, replace(call, arguments=decoded)
        return Answer(405)


class _Node:
    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.argument: tuple[str, _Node] | None = None
        self.routes: dict[str, Route] = {}

    def insert(self, route: Route) -> None:
        node = self
        for part in _parts(route.template):
            if part.startswith("{"):
                if node.argument is None:
                    node.argument = (part.strip("{}"), _Node())
                node = node.argument[1]
            else:
                node = node.children.setdefault(part, _Node())
        node.routes[route.method] = route

    def find(self, parts: list[str], arguments: dict[str, str]) -> list[tuple[_Node, dict[str, str]]]:
        """Every node with routes that the path fits, a literal part before an argument; with the arguments."""
        if not parts:
            return [(self, arguments)] if self.routes else []
        part, rest = parts[0], parts[1:]
        child = self.children.get(part)
        found = child.find(rest, arguments) if child is not None else []
        if self.argument is not None and part:
            name, node = self.argument
            found += node.find(rest, arguments | {name: part})
        return found


def _parts(path: str) -> list[str]:
    """A slash at the end makes another path, which no route of PD has."""
    return path.removeprefix("/").split("/")
