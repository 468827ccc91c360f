"""The list of gates, each with a small change that breaks it: read from the TOML files beside this module.

["engine/sending.py".deadline]          file below operator/watchkeeper, name of the gate
why = "what would happen without it"
old = 'text that occurs exactly once in that file'
new = 'what stands there in the broken copy'
tests = ["unit/engine/test_sending.py"] what must go red, below tests/
machine = true                          the property machine finds it, too, in the round that CI plays
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGE = "operator/watchkeeper"
FIELDS = {"why", "old", "new", "tests", "machine"}


@dataclass(frozen=True, slots=True)
class Mutation:
    """One gate, and how to break it."""

    area: str
    """The TOML file that lists it."""
    file: str
    name: str
    why: str
    old: str
    new: str
    tests: tuple[str, ...]
    machine: bool

    @property
    def title(self) -> str:
        """What tells it from all others."""
        return f"{self.file} {self.name}"

    @property
    def path(self) -> str:
        """The file that it changes, below the repository."""
        return f"{PACKAGE}/{self.file}"

    def applied(self, source: str) -> str:
        """The broken source.

        Raises:
            ValueError: the old text does not occur exactly once, so nobody knows what would be broken.
        """
        count = source.count(self.old)
        if count != 1:
            raise ValueError(f"{self.area}, {self.title}: the old text occurs {count} times in {self.path}, not once")
        return source.replace(self.old, self.new)


def mutations() -> list[Mutation]:
    """All of them, in the order in which they are listed.

    Raises:
        ValueError: an entry lacks a field or has one that is not known.
    """
    return [one for path in sorted(Path(__file__).parent.glob("*.toml")) for one in _of_file(path)]


def _of_file(path: Path) -> list[Mutation]:
    listed = tomllib.loads(path.read_text(encoding="utf-8"))
    return [
        _mutation(path.name, file, name, entry) for file, entries in listed.items() for name, entry in entries.items()
    ]


def _mutation(area: str, file: str, name: str, entry: dict[str, object]) -> Mutation:
    wrong = (FIELDS - {"machine"} - entry.keys()) | (entry.keys() - FIELDS)
    tests = entry.get("tests")
    if wrong or not isinstance(tests, list) or not tests:
        raise ValueError(f"{area}, {file} {name}: why, old, new and tests are needed; wrong are {sorted(wrong)}")
    return Mutation(
        area,
        file,
        name,
        str(entry["why"]),
        str(entry["old"]),
        str(entry["new"]),
        tuple(map(str, tests)),
        bool(entry.get("machine", False)),
    )
