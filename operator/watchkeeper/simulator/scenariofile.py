"""Reads scenarios from YAML files, and says on which line a mistake is and what is allowed there."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import yaml
from pydantic import ValidationError

from watchkeeper.simulator.problems import Place, Problem, problems
from watchkeeper.simulator.scenario import Scenario

_LIBRARY = "scenarios"


class ScenarioError(ValueError):
    """A scenario cannot be used; the text has a line for each mistake."""


def read_scenario(path: Path) -> Scenario:
    """Read one from a file (JSON is YAML, too).

    Raises:
        ScenarioError: it is no text or no YAML, or a field is wrong: `file:line: field: what is allowed`.
        OSError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: this is no text in UTF-8") from error
    return parse_scenario(text, str(path))


def library() -> dict[str, Scenario]:
    """The scenarios that come with the package, by name, in alphabetical order."""
    files = sorted(resources.files(__package__).joinpath(_LIBRARY).iterdir(), key=lambda one: one.name)
    return {
        file.name.removesuffix(".yaml"): parse_scenario(file.read_text(encoding="utf-8"), file.name)
        for file in files
        if file.name.endswith(".yaml")
    }


def find_scenario(name: str) -> Scenario:
    """One of the library by its name, or one from a file.

    Raises:
        ScenarioError: there is neither; the text says what there is.
    """
    known = library()
    if name in known:
        return known[name]
    path = Path(name)
    if not path.is_file():
        raise ScenarioError(f"there is no scenario and no file {name}; the scenarios are {', '.join(known)}")
    return read_scenario(path)


def parse_scenario(text: str, source: str) -> Scenario:
    """Read one from text; `source` is its name in errors.

    Raises:
        ScenarioError: see :func:`read_scenario`.
    """
    root, data = _load(text, source)
    twice = [f"{source}:{line}: {key} is there twice" for key, line in _repeated(root)]
    if twice:
        raise ScenarioError("\n".join(twice))
    if not isinstance(data, dict):
        raise ScenarioError(f"{source}:1: a scenario is a mapping of fields: {', '.join(Scenario.model_fields)}")
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        found = problems(error, Scenario)
        raise ScenarioError("\n".join(_located(source, root, one) for one in found)) from error


def _load(text: str, source: str) -> tuple[yaml.Node | None, object]:
    """The text with its places, and what it says."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise ScenarioError(f"{source}:{line}: this is no YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ScenarioError(f"{source}:1: this is no YAML: {error}") from error


def _located(source: str, root: yaml.Node | None, problem: Problem) -> str:
    return f"{source}:{_line(root, problem.place)}: {problem}"


def _line(root: yaml.Node | None, place: Place) -> int:
    """The line of the field, or of what should hold it."""
    node, line = root, 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pair = next((one for one in node.value if one[0].value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _repeated(node: yaml.Node | None, above: tuple[yaml.Node | None, ...] = ()) -> Iterator[tuple[str, int]]:
    """Keys that a mapping has twice: YAML would take the last without a word."""
    if node in above:
        return
    above = (*above, node)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.value, key.start_mark.line + 1
            seen.add(key.value)
            yield from _repeated(value, above)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated(value, above)
