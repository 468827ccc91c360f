"""Which cluster, and as whom; how the program is called."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.house.tree import REPOSITORY
from watchkeeper.adapters.kubernetes.credentials import IN_CLUSTER, KUBECONFIG
from watchkeeper.cli import main
from watchkeeper.cli.options import Globals
from watchkeeper.cli.screen import Screen
from watchkeeper.cli.session import Session


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(KUBECONFIG, raising=False)
    monkeypatch.delenv(IN_CLUSTER, raising=False)


def _config(path: Path, server: str, namespace: str = "") -> Path:
    path.parent.mkdir(exist_ok=True)
    context = {"cluster": "c", "user": "u"} | ({"namespace": namespace} if namespace else {})
    content = {
        "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": context}, {"name": "y", "context": context | {"namespace": "of-y"}}],
    }
    path.write_text(json.dumps(content))
    return path


async def _connected(given: Globals) -> tuple[str, str]:
    session = Session(given, Screen(), "watchkeeper")
    async with session.cluster() as cluster:
        server = cluster.server._configuration.host  # type: ignore[attr-defined]  # what was loaded
        return server, session.namespace(cluster)


async def test_the_kubeconfig_as_kubectl_finds_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _config(tmp_path / ".kube" / "config", "https://home", "of-home")
    assert await _connected(Globals()) == ("https://home", "of-home")
    monkeypatch.setenv(IN_CLUSTER, "10.0.0.1")
    assert await _connected(Globals()) == ("https://home", "of-home")
    monkeypatch.setenv(KUBECONFIG, str(_config(tmp_path / "b", "https://variable")))
    assert await _connected(Globals()) == ("https://variable", "default")
    named = _config(tmp_path / "c", "https://named", "of-named")
    assert await _connected(Globals(kubeconfig=named)) == ("https://named", "of-named")
    assert await _connected(Globals(kubeconfig=named, context="y")) == ("https://named", "of-y")
    assert await _connected(Globals(kubeconfig=named, namespace="given")) == ("https://named", "given")


@pytest.mark.parametrize("arguments", [("proposals",), ("proposals", "--kubeconfig", "absent"), ("version",)])
def test_nothing_to_connect_with(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main.app, list(arguments))
    assert result.exit_code == 2
    assert "no such kubeconfig" in result.output


def test_nobody_answers(tmp_path: Path) -> None:
    config = _config(tmp_path / "c", "http://127.0.0.1:9")
    result = CliRunner().invoke(main.app, ["proposals", "--kubeconfig", str(config)])
    assert result.exit_code == 1
    assert "no connection to the API server" in result.output


def test_the_option_after_the_command_wins() -> None:
    before = Globals("a", "b", Path("c"), no_color=True)
    assert Globals().over(before) == before
    assert Globals("x", "y", Path("z")).over(before) == Globals("x", "y", Path("z"), no_color=True)


@pytest.mark.parametrize(
    ("called", "name"), [("/usr/bin/kubectl-watchkeeper", "kubectl watchkeeper"), ("watchkeeper", "watchkeeper")]
)
def test_how_it_was_called(monkeypatch: pytest.MonkeyPatch, called: str, name: str) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    assert main.program() == name


def test_both_names_are_entry_points() -> None:
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"]
    for name in ("watchkeeper", "kubectl-watchkeeper"):
        module, function = scripts[name].split(":")
        assert getattr(importlib.import_module(module), function) is main.main


def test_help_and_completion_do_not_load_the_client_library() -> None:
    code = "import sys, watchkeeper.cli.main; print(*(name for name in ('kubernetes', 'aiohttp', 'kopf') if name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == ""
