"""Modules have one purpose and functions fit on a screen; prints how it stands."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

from tests.unit.house.tree import REPOSITORY, files

MAX_MODULE = 400
MAX_FUNCTION = 60
FOLDERS = (REPOSITORY / "operator" / "watchkeeper", REPOSITORY / "localcluster")


def _modules() -> dict[str, str]:
    return {
        path.relative_to(REPOSITORY).as_posix(): path.read_text(encoding="utf-8")
        for path in files()
        if path.suffix == ".py" and any(path.is_relative_to(folder) for folder in FOLDERS)
    }


def _functions(name: str, text: str) -> dict[str, int]:
    """`file:function` to its lines, decorators and docstring included."""
    found: dict[str, int] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            found[f"{name}:{node.lineno} {node.name}"] = (node.end_lineno or first) - first + 1
    return found


def test_no_module_is_longer_than_400_lines() -> None:
    lines = {name: text.count("\n") for name, text in _modules().items()}
    assert len(lines) > 100
    sizes = [count for count in lines.values() if count > 5]
    print(f"modules: {len(lines)}, median {statistics.median(sizes):.0f} lines, longest {max(sizes)}")
    assert {name: count for name, count in lines.items() if count > MAX_MODULE} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    lines = {where: count for name, text in _modules().items() for where, count in _functions(name, text).items()}
    assert len(lines) > 500
    print(
        f"functions: {len(lines)}, median {statistics.median(lines.values()):.0f} lines, longest {max(lines.values())}"
    )
    assert {where: count for where, count in lines.items() if count > MAX_FUNCTION} == {}


def test_a_long_function_would_be_found() -> None:
    text = "@decorated\ndef f() -> None:\n" + "    pass\n" * 60
    assert _functions("x.py", text) == {"x.py:2 f": 62}


def test_no_module_is_a_grab_bag() -> None:
    bags = {"utils", "util", "helpers", "helper", "common", "misc", "shared"}
    assert {name for name in _modules() if Path(name).stem in bags} == set()
