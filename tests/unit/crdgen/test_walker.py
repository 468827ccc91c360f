from __future__ import annotations

from typing import Any

import pytest

from watchkeeper.crdgen.walker import problems

STRING = {"type": "string", "maxLength": 5, "description": "A text."}


def spec(**field: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": {"description": "A field.", **field}}}


GOOD = [
    spec(type="string", maxLength=5),
    spec(type="string", enum=["A"]),
    spec(type="string", format="date-time"),
    spec(type="integer", minimum=0, maximum=2**53 - 1),
    spec(type="boolean"),
    spec(type="object", maxProperties=4, **{"x-kubernetes-preserve-unknown-fields": True}),
    spec(type="object", maxProperties=4, additionalProperties={"type": "string", "maxLength": 5}),
    spec(type="array", maxItems=3, items={"type": "string", "maxLength": 5}, **{"x-kubernetes-list-type": "set"}),
    spec(**{"x-kubernetes-int-or-string": True}),
    spec(
        type="array",
        maxItems=3,
        items={"type": "object", "required": ["k"], "properties": {"k": STRING}},
        **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]},
    ),
]

LIST = {"type": "array", "maxItems": 3, "items": {"type": "string", "maxLength": 5}}
KEYED = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]}
OBJECTS = {"type": "object", "properties": {"k": STRING}}

BAD: list[tuple[str, dict[str, Any], str]] = [
    ("no type", spec(), "spec.a: type None: every node needs one of"),
    ("a float", spec(type="number"), "no floats"),
    ("several types", spec(type=["string", "null"], maxLength=5), "every node needs one of"),
    ("an unknown key", spec(type="string", maxLength=5, const="x"), "spec.a: const has no place"),
    ("nullable", spec(type="string", maxLength=5, nullable=True), "spec.a: nullable has no place"),
    ("a key of another type", spec(type="boolean", maxLength=5), "spec.a: maxLength has no place"),
    ("a text without end", spec(type="string"), "spec.a: a string needs maxLength"),
    ("a pattern that is none", spec(type="string", maxLength=5, pattern="("), "spec.a: pattern (:"),
    ("no lower bound", spec(type="integer", maximum=5), "spec.a: a whole number needs minimum"),
    ("no upper bound", spec(type="integer", minimum=5), "spec.a: a whole number needs maximum"),
    ("beyond 2^53-1", spec(type="integer", minimum=0, maximum=2**53), "spec.a: maximum is beyond 2^53-1"),
    (
        "a list without end",
        spec(type="array", items={"type": "string", "maxLength": 5}, **{"x-kubernetes-list-type": "set"}),
        "spec.a: a list needs maxItems",
    ),
    ("a list without items", spec(type="array", maxItems=3), "spec.a: a list needs items"),
    ("a list of no type", spec(**LIST), "x-kubernetes-list-type must say atomic, set or map"),
    ("keys without a map", spec(**LIST, **KEYED | {"x-kubernetes-list-type": "atomic"}), "only with it"),
    ("a set of objects", spec(**LIST | {"items": OBJECTS}, **{"x-kubernetes-list-type": "set"}), "holds scalars"),
    ("a key that is missing", spec(**LIST, **KEYED), "list key k must be a scalar field"),
    ("a key that may be absent", spec(**LIST | {"items": OBJECTS}, **KEYED), "must be required or have a default"),
    (
        "a bad item",
        spec(**LIST | {"items": {"type": "string"}}, **{"x-kubernetes-list-type": "set"}),
        "spec.a[]: a str",
    ),
    ("an empty object", spec(type="object", maxProperties=1), "an object needs properties"),
    ("a map without end", spec(type="object", additionalProperties=STRING), "spec.a: a map needs maxProperties"),
    ("both kinds of object", spec(type="object", properties={"b": STRING}, additionalProperties=STRING), "exclude"),
    ("a required ghost", {**spec(type="boolean"), "required": ["b"]}, "spec: required field b does not exist"),
    ("no description", {"type": "object", "properties": {"a": {"type": "boolean"}}}, "spec.a: a description is"),
    ("deep below", spec(type="object", properties={"b": {"type": "string", "description": "x"}}), "spec.a.b: a string"),
    (
        "in the values of a map",
        spec(type="object", maxProperties=1, additionalProperties={"type": "string"}),
        "spec.a{}: a string needs maxLength",
    ),
]


@pytest.mark.parametrize("schema", GOOD)
def test_good(schema: dict[str, Any]) -> None:
    assert problems(schema, "spec") == []


@pytest.mark.parametrize(("schema", "said"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad(schema: dict[str, Any], said: str) -> None:
    found = problems(schema, "spec")
    assert any(said in problem for problem in found), found


def test_all_problems_at_once() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
    assert len(problems(schema, "spec")) == 5
