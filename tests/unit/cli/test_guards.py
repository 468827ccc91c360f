"""`guards` prints what is shipped, for whatever identity the operator has."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.unit.cli.conftest import Run
from tests.unit.cli.server import MemoryServer
from watchkeeper.admission.rendering import render

MANIFESTS = Path(__file__).parents[3] / "manifests"


def test_what_is_printed_is_what_is_shipped(run: Run) -> None:
    server = MemoryServer("bob")
    for arguments, file in (((), "10-admission.yaml"), (("--mutating",), "11-admission-mutating.yaml")):
        result = run(server, "guards", *arguments)
        assert result.exit_code == 0
        assert result.stdout.split("\n", 1)[1] == (MANIFESTS / file).read_text().split("\n", 1)[1]
    assert server.sent == []


def test_the_operators_own_names_stand_in_the_rules(run: Run) -> None:
    result = run(MemoryServer("bob"), "guards", "--operator-namespace", "wk", "--service-account", "keeper")
    assert list(yaml.safe_load_all(result.stdout)) == render("wk", "keeper", mutating=False)
    assert "system:serviceaccount:wk:keeper" in result.stdout


def test_no_name_breaks_out_of_a_rule(run: Run) -> None:
    result = run(MemoryServer("bob"), "guards", "--service-account", "x' || true || '")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is no DNS label" in result.stderr
