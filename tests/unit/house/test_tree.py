"""What no file of the tree may hold: download addresses of packages, paths of somebody's machine."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.unit.house.tree import REPOSITORY, texts

REQUIREMENT = re.compile(r"^[A-Za-z0-9._-]+(\[[a-z0-9,._-]+\])?==[A-Za-z0-9.+!_-]+( ; .+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
HOMES = re.compile(r"(?<![\w.$}~)-])/(?:work|root|home|Users)/[A-Za-z0-9_.]")
"""The usual places of people's and machines' own folders, at the start of a path."""


def _requirements() -> dict[str, str]:
    return {name: text for name, text in texts().items() if name.startswith("requirements/")}


def test_requirements_are_names_versions_and_hashes_and_nothing_else() -> None:
    assert set(_requirements()) >= {"requirements/dev.txt", "requirements/runtime.txt"}
    for name, text in _requirements().items():
        odd = [line for line in text.splitlines() if not REQUIREMENT.match(line) and not HASH.match(line)]
        assert odd == [], name


@pytest.mark.parametrize("line", ["--index-url https://example.org", "a @ https://example.org/a.whl", "a==1", "-e ."])
def test_an_address_in_requirements_would_be_found(line: str) -> None:
    assert not REQUIREMENT.match(line)
    assert not HASH.match(line)


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    own = {str(path) for path in (REPOSITORY, Path.home()) if len(path.parts) > 2}
    found = []
    for name, text in texts().items():
        for number, line in enumerate(text.splitlines(), 1):
            if HOMES.search(line) or any(path in line for path in own):
                found.append(f"{name}:{number}: {line.strip()[:100]}")
    assert found == []


def test_such_a_folder_would_be_found() -> None:
    assert HOMES.search("see /" + "home/somebody/notes")
    assert not HOMES.search("GET /metrics/home/x")


def test_subject_plugins_and_commands_can_be_loaded() -> None:
    plugins = {point.name: point.load() for point in entry_points(group="watchkeeper.subjects")}
    assert "TiKV" in plugins
    assert all(callable(plugin().connect) for plugin in plugins.values())
    scripts = [p for p in entry_points(group="console_scripts") if p.value.startswith("watchkeeper.")]
    assert "watchkeeper-operator" in {script.name for script in scripts}
    assert all(callable(script.load()) for script in scripts)
