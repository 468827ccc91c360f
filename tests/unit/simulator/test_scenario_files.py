"""Scenario files: what is wrong is told with its line and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from watchkeeper.simulator import Scenario, Simulator
from watchkeeper.simulator.faults import FAULTS
from watchkeeper.simulator.knobs import Knobs, Resources
from watchkeeper.simulator.layout import RegionSpec
from watchkeeper.simulator.scenariofile import ScenarioError, parse_scenario, read_scenario
from watchkeeper.simulator.timeline import TimelineEntry
from watchkeeper.simulator.workload.spec import WorkloadSpec
from watchkeeper.simulator.world.placement import Rule
from watchkeeper.simulator.world.registration import StoreSpec

LISTED = "store_list:\n- {id: 1, address: 'a:1'}\n"


def region(**fields: str) -> str:
    """A file with one store and one region, some fields of which are others."""
    good = {"id": "10", "start_key": "", "end_key": "", "peers": "{11: 1}", "leader_store": "1"}
    told = ", ".join(f"{name}: {value or chr(39) * 2}" for name, value in (good | fields).items())
    return f"{LISTED}region_list:\n- {{{told}}}\n"


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
        ("cluster_id: 0\n", ["f:1: cluster_id: input should be greater than or equal to 1, not 0"]),
        (
            "address: '{id}:99999'\n",
            ["f:1: address gives a store that cannot be: '1:99999' is no host:port with a port of"],
        ),
        ("address: tikv:20160\n", ["f:1: there are two stores with the address tikv:20160"]),
        ("members: 3\nmember_name: pd\n", ["f:1: member_name gives all members the same name: put {i} into it"]),
        (LISTED + "stores: 4\n", ["f:1: stores has no effect where store_list names them one by one: leave one"]),
        (region() + "regions: 9\n", ["f:1: regions has no effect where region_list names them one by one: leave one"]),
        (LISTED + "- {id: 1, address: 'b:1'}\n", ["f:1: there are two stores with the id 1"]),
        (LISTED + "- {id: 2, address: 'a:70000'}\n", ["f:3: store_list.1.address: 'a:70000' is no host:port with"]),
        (region(peers="{11: 2}"), ["f:1: region 10 of region_list has a peer on store 2, which does not exist"]),
        (region(leader_store="2"), ["f:1: region 10 of region_list is led by store 2, without a peer"]),
        (region(start_key="7z"), ["f:4: region_list.0.start_key: string should match pattern"]),
        (region(end_key="'74'"), ["f:1: region_list must begin with an empty start_key and end with an empty end_key"]),
        (
            region(id="9223372036854775808"),
            ["f:4: region_list.0.id: input should be less than or equal to 9223372036854"],
        ),
        (
            region() + region(id="12", peers="{13: 1}", start_key="'74'").splitlines()[-1],
            ["f:1: region_list must be in the order"],
        ),
        ("rules: [{index: 9223372036854775808}]\n", ["f:1: rules.0.index: input should be less than or equal to"]),
        ("x: !!python/object/apply:os.system [x]\n", ["f:1: this is no YAML: could not determine a constructor"]),
        ("stores: 2001-99-99\n", ["f:1: this is no YAML: month must be in 1..12"]),
        ("a: &a [*a]\n", ["f:1: a: unknown field"]),
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
    "model",
    [Scenario, RegionSpec, StoreSpec, Rule, Knobs, Resources, WorkloadSpec, TimelineEntry, *FAULTS.values()],
    ids=lambda one: one.__name__,
)
def test_every_number_has_a_lowest_and_a_highest_value(model: type[BaseModel]) -> None:
    schemas = model.model_json_schema()
    for name, field in schemas["properties"].items():
        for one in (field, *field.get("anyOf", ()), field.get("items", {}), field.get("additionalProperties", {})):
            if isinstance(one, dict) and one.get("type") in {"integer", "number"}:
                assert one.keys() & {"minimum", "exclusiveMinimum", "ge"}, (
                    f"{model.__name__}.{name} has no lowest value"
                )
                assert one.keys() & {"maximum", "exclusiveMaximum", "le"}, (
                    f"{model.__name__}.{name} has no highest value"
                )


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match="this is no text in UTF-8"):
        read_scenario(file)
