from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import watchkeeper.simulator

ROOT = Path(watchkeeper.simulator.__file__).parent
PURE = ("world", "scheduling", "pdapi", "metrics", "faults")
FORBIDDEN = {
    "world": ("aiohttp", "asyncio", "time", "watchkeeper.simulator.scheduling", "watchkeeper.simulator.pdapi"),
    "scheduling": ("aiohttp", "asyncio", "time", "watchkeeper.simulator.pdapi", "watchkeeper.simulator.serving"),
    "pdapi": ("aiohttp", "asyncio", "time", "watchkeeper.simulator.serving"),
    "metrics": ("aiohttp", "asyncio", "time", "watchkeeper.simulator.serving"),
    "faults": ("aiohttp", "asyncio", "time", "watchkeeper.simulator.serving", "watchkeeper.simulator.scenario"),
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module


def test_state_and_behaviour_know_neither_sockets_nor_real_time() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for part in PURE
        for path in (ROOT / part).rglob("*.py")
        for name in imports(path)
        if name.startswith(tuple(f"{one}." for one in FORBIDDEN[part])) or name in FORBIDDEN[part]
    ]
    assert wrong == []
    assert "aiohttp" in set(imports(ROOT / "serving" / "server.py"))
