"""Every route of PD v8.5.7 is either answered or named on the simulator's page as not offered."""

from __future__ import annotations

import re
from fnmatch import fnmatch

from tests.unit.house.tree import REPOSITORY
from watchkeeper.simulator import Simulator
from watchkeeper.simulator.pdapi.front import ALL_ROUTES

ROUTES = (REPOSITORY / "tests" / "data" / "pd-routes.txt").read_text(encoding="utf-8").split("\n")
"""Method and template of each, from `server/api/router.go` and `server/apiv2`; without /scheduler-config."""
PAGE = (REPOSITORY / "docs" / "simulator.md").read_text(encoding="utf-8")
V1 = "/pd/api/v1"
ARGUMENT = re.compile(r"\{[^}]*\}")


def test_every_route_of_pd_is_answered_or_named_as_not_offered() -> None:
    offered = {(route.method, ARGUMENT.sub("{}", route.template)) for route in ALL_ROUTES}
    table = PAGE.split("## What it answers, and what not")[1].split("\n## ")[0]
    cells = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| ")]
    named = [pattern for cell in cells for pattern in re.findall(r"`(/[^`]*)`", cell)]
    missing: list[str] = []
    absent: list[str] = []
    for line in filter(None, ROUTES):
        method, template = line.split(" ")
        if (method, ARGUMENT.sub("{}", template)) not in offered:
            absent.append(line)
            if not any(fnmatch(template.removeprefix(V1), pattern) for pattern in named):
                missing.append(line)
    print(f"routes of PD: {len(ROUTES) - 1}, answered: {len(ROUTES) - 1 - len(absent)}, not offered: {len(absent)}")
    assert missing == []


def test_what_is_not_offered_is_answered_as_an_unknown_route() -> None:
    simulator = Simulator()
    for line in filter(None, ROUTES):
        method, template = line.split(" ")
        path = ARGUMENT.sub("1", template)
        if (method, ARGUMENT.sub("{}", template)) not in {
            (one.method, ARGUMENT.sub("{}", one.template)) for one in ALL_ROUTES
        }:
            assert simulator.call(method, path).status in {404, 405}, line
