"""Scenario files: what is wrong is told with its line and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from watchkeeper.simulator import Scenario, Simulator
from watchkeeper.simulator.faults import FAULTS
from watchkeeper.simulator.knobs import Knobs, Resources
from watchkeeper.simulator.scenariofile import ScenarioError, parse_scenario, read_scenario
from watchkeeper.simulator.timeline import TimelineEntry
from watchkeeper.simulator.workload.spec import WorkloadSpec


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("stores: 4\nstorez: 4\n", ["f:2: storez: unknown field; allowed are title, description"]),
        ("stores: -1\n", ["f:1: stores: input should be greater than or equal to 0, not -1"]),
        ("stores: 4\nstores: 5\n", ["f:2: stores is there twice"]),
        ("stores: [4\n", ["f:2: this is no YAML: expected"]),
        ("- stores\n", ["f:1: a scenario is a mapping of fields: title, "]),
        ("", ["f:1: a scenario is a mapping of fields"]),
        ("workload:\n  reads: 5\n", ["f:2: workload.reads: unknown field; allowed are reads_per_second"]),
        (
            "timeline:\n- at: soon\n  inject: {kind: pd-lockup}\n",
            ["f:2: timeline.0.at: input should be a valid number"],
        ),
        (
            "timeline:\n- at: 1m\n  inject:\n    kind: pd-locked\n",
            ["f:4: timeline.0.inject.kind: there is no such fault; there are store-crash"],
        ),
        ("timeline:\n- at: 1m\n  inject: {store: 1}\n", ["f:3: timeline.0.inject: kind is missing; it is one of"]),
        ("timeline:\n- at: 1m\n", ["f:2: timeline.0: say either inject or heal"]),
        (
            "timeline:\n- at: 1m\n  name: x\n  inject: {kind: region-split}\n",
            ["f:2: timeline.0: region-split is over at once: there is nothing to heal"],
        ),
        ("timeline:\n- {at: 5, heal: x}\n", ["f:1: the timeline heals x, which no earlier entry has as its name"]),
        (
            "timeline:\n- at: 1\n  inject: {kind: disk-low, store: 1, available_gib: 1, available_bytes: 1}\n",
            ["f:3: timeline.0.inject: give available_gib or available_bytes, not both"],
        ),
    ],
    ids=lambda value: value[:25] if isinstance(value, str) else "",
)
def test_mistakes_are_told_with_their_lines(text: str, errors: list[str]) -> None:
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(text, "f")
    told = str(raised.value).splitlines()
    assert len(told) == len(errors)
    assert all(line.startswith(error) for line, error in zip(told, errors, strict=True)), told


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("0.5h", 1800)])
def test_moments_are_seconds_or_texts(text: str, seconds: float) -> None:
    scenario = parse_scenario(f"timeline:\n- at: {text}\n  inject: {{kind: pd-lockup}}\n", "f")
    assert scenario.timeline[0].at == seconds


def test_json_is_a_scenario_too() -> None:
    assert parse_scenario('{"stores": 4, "regions": 8}', "f") == Scenario(stores=4, regions=8)


def test_a_named_fault_is_healed_by_its_name_and_again_does_no_harm() -> None:
    text = """
        timeline:
        - {at: 10, name: crash, inject: {kind: store-crash, store: 2}}
        - {at: 20, heal: crash}
        - {at: 30, heal: crash}
    """
    simulator = Simulator(parse_scenario(text, "f"))
    simulator.clock.advance(15)
    assert [one.number for one in simulator.faults.active] == [1]
    simulator.clock.advance(20)
    assert (simulator.faults.active, simulator.director.refused) == ([], [])


@pytest.mark.parametrize(
    "model", [Scenario, Knobs, Resources, WorkloadSpec, TimelineEntry, *FAULTS.values()], ids=lambda one: one.__name__
)
def test_every_time_and_rate_has_a_lowest_and_a_highest_value(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        if field.annotation in {float, float | None}:
            kinds = {type(one).__name__ for one in field.metadata}
            assert kinds & {"Ge", "Gt"}, f"{model.__name__}.{name} has no lowest value"
            assert kinds & {"Le", "Lt"}, f"{model.__name__}.{name} has no highest value"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match="this is no text in UTF-8"):
        read_scenario(file)
