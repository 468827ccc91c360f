from __future__ import annotations

from typing import Any

import pytest

from watchkeeper.cli.parameters import parse, usage
from watchkeeper.engine.tools import catalog as tools
from watchkeeper.subjects.tikv.catalog import ACTIONS

SCHEMAS: dict[str, dict[str, Any]] = {
    **{name: dict(action.definition.parameters_schema) for name, action in ACTIONS.items()},
    **{entry.name: entry.parameters for entry in tools()},
}


@pytest.mark.parametrize(
    ("action", "words", "values"),
    [
        ("transfer-leader", "region=42 toStore=5", {"region": 42, "toStore": 5}),
        ("transfer-leader", "region=42 toStore=tikv-5", {"region": 42, "toStore": "tikv-5"}),
        ("drain-store", "store=7 seconds=3600", {"store": 7, "seconds": 3600}),
        ("wait", "seconds=60", {"seconds": 60}),
        ("log-message", "message=a=b level=Warning", {"message": "a=b", "level": "Warning"}),
    ],
)
def test_values_have_the_type_of_the_schema(action: str, words: str, values: dict[str, Any]) -> None:
    found = parse(SCHEMAS[action], words.split())
    assert (found.values, found.problems) == (values, [])


@pytest.mark.parametrize(
    ("action", "words", "problems"),
    [
        (
            "transfer-leader",
            "region=42",
            ["toStore: is required: The store that is to lead it, by id or pod name; it must hold a voter."],
        ),
        ("transfer-leader", "region=forty toStore=5", ["region: must be a whole number, not 'forty'"]),
        ("transfer-leader", "region=4.5 toStore=5", ["region: must be a whole number, not '4.5'"]),
        ("transfer-leader", "region=٤٢ toStore=5", ["region: must be a whole number, not '٤٢'"]),
        ("transfer-leader", "region=0 toStore=5", ["region: must be at least 1, not 0"]),
        ("transfer-leader", "region=1 region=2 toStore=5", ["region: is given twice"]),
        (
            "transfer-leader",
            "region=42 toStore=../5",
            [
                "toStore: must be a whole number, not '../5' or must match ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$, not '../5'",
            ],
        ),
        ("drain-store", "store=7 seconds=59", ["seconds: must be at least 60, not 59"]),
        ("drain-store", "store=7 seconds=86401", ["seconds: must be at most 86400, not 86401"]),
        ("log-message", "message=x level=Loud", ["level: must be one of Info, Warning, Error, not 'Loud'"]),
        ("wait", "60", ["60: give parameters as name=value", "seconds: is required: How long to wait."]),
        (
            "drain-store",
            "force=true seconds=x",
            [
                "force: is not known; the parameters are store, seconds",
                "seconds: must be a whole number, not 'x'",
                "store: is required: The store that is to lead nothing, by id or pod name.",
            ],
        ),
    ],
)
def test_every_problem_at_once(action: str, words: str, problems: list[str]) -> None:
    assert parse(SCHEMAS[action], words.split()).problems == problems


REST: dict[str, Any] = {
    "properties": {
        "flag": {"type": "boolean"},
        "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "stores": {"type": "array", "minItems": 1, "maxItems": 2},
        "labels": {"type": "object"},
        "name": {"type": "string", "minLength": 2, "maxLength": 3},
        "always": {"const": "x"},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "level": {"$ref": "#/$defs/Level"},
    },
    "$defs": {"Level": {"type": "string", "enum": ["Low", "High"]}},
}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("flag=true", True),
        ("share=0.5", 0.5),
        ("stores=[1,2]", [1, 2]),
        ('labels={"a":"b"}', {"a": "b"}),
        ("name=abc", "abc"),
        ("always=x", "x"),
        ("maybe=null", None),
        ("level=High", "High"),
    ],
)
def test_other_types(word: str, value: Any) -> None:
    found = parse(REST, [word])
    assert found.problems == []
    assert list(found.values.values()) == [value]


@pytest.mark.parametrize(
    "word",
    [
        "flag=1", "share=0", "share=1", "share=true", "stores=[]", "stores=[1,2,3]", "stores=1", "labels=[]", "labels=x",
        "name=a", "name=abcd", "always=y", "maybe=x", "level=Mid",
    ],
)  # fmt: skip
def test_other_types_that_do_not_fit(word: str) -> None:
    found = parse(REST, [word])
    assert len(found.problems) == 1
    assert found.problems[0].startswith(word.partition("=")[0] + ": must ")
    assert found.values == {}


def test_how_they_are_typed() -> None:
    assert usage(SCHEMAS["transfer-leader"]) == "region=number toStore=number or text"
    assert usage(SCHEMAS["drain-store"]) == "store=number or text seconds=60…86400"
    assert usage(SCHEMAS["log-message"]) == "message=text [level=Info or Warning or Error]"
