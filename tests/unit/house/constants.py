"""The constants that the product says to people, found in its source: events, reasons, waits.

A reason that is not written out where it is used (a variable) is found where it is made: every `End("…")`, `Wait("…")`,
`NotSent("…")` and the like is a reason as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
PACKAGE = REPOSITORY / "operator" / "watchkeeper"

REASON_AT = {
    "End": 0,
    "NotSent": 0,
    "Mark": 2,
    "Judgement": 2,
    "_back": 2,
    "fail": 2,
    "fail_unsent": 1,
    "absent": 2,
    "keep": 2,
    "end": 2,
    "_flag": 2,
    "_hold": 2,
    "with_condition": 3,
}
"""Which positional argument of a call is a reason."""

TELLS = {"event", "_tell"}
"""What posts an Event."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call in the source."""

    where: str
    function: str
    """Name of the function around it."""
    name: str
    node: ast.Call

    def argument(self, position: int, keyword: str) -> ast.expr | None:
        """An argument by keyword, else by position (negative counts from the end)."""
        for given in self.node.keywords:
            if given.arg == keyword:
                return given.value
        args = self.node.args
        return args[position] if -len(args) <= position < len(args) else None


def calls(*folders: str) -> Iterator[Call]:
    """Every call in the modules of these folders of the package."""
    for folder in folders:
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            yield from _calls_in(path)


@cache
def _calls_in(path: Path) -> tuple[Call, ...]:
    where = path.relative_to(PACKAGE).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return tuple(
        Call(where, function.name, _name(node.func), node)
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
    )


def words(node: ast.expr | None) -> set[str]:
    """The texts that an expression can be, as far as they are written out; an f-string as `Health*`."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=body, orelse=other):
            return words(body) | words(other)
        case ast.JoinedStr(values=parts):
            return {"".join(str(p.value) if isinstance(p, ast.Constant) else "*" for p in parts)}
        case _:
            return set()


def waits() -> set[str]:
    """Every value that `waitsFor` can have."""
    found: set[str] = set()
    for call in calls("engine", "domain", "subjects"):
        if call.name == "Wait":
            found |= words(call.argument(0, "reason"))
        elif call.function != "__init__":
            found |= words(call.argument(99, "waits_for"))
    return found


def reasons() -> set[str]:
    """Every constant reason of conditions, of `status.reason` and of attempts, in the core."""
    found: set[str] = set()
    for call in calls("engine", "domain"):
        if call.name in {"event", "_tell", "Wait"}:
            continue
        found |= words(call.argument(REASON_AT.get(call.name, 99), "reason"))
        found |= words(call.argument(99, "end_reason"))
    return found - {""}


def events() -> tuple[set[tuple[str, str]], set[str]]:
    """Pairs of action and reason of every Event, and the places whose reason is a variable."""
    pairs: set[tuple[str, str]] = set()
    variable: set[str] = set()
    for call in calls("engine"):
        if call.name not in TELLS or call.function == "_tell":
            continue
        doing = call.argument(2, "action")
        action = doing.attr if isinstance(doing, ast.Attribute) else "RELEASE"
        found = words(call.argument(-2, "reason"))
        if not found:
            variable.add(f"{call.where}:{call.function}")
        pairs |= {(action, reason) for reason in found}
    return pairs, variable


def _name(function: ast.expr) -> str:
    match function:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""
