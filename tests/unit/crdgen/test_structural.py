from __future__ import annotations

from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AnyUrl, BaseModel, ConfigDict, Field

from watchkeeper.api.v1alpha1.meta import ApiModel
from watchkeeper.crdgen.structural import structural_schema
from watchkeeper.errors import Invalid


class Colour(StrEnum):
    """A docstring of the enum."""

    RED = "Red"
    BLUE = "Blue"


class Inner(ApiModel):
    """A docstring
    of two lines.
    """

    text_value: str | None = Field(default=None, title="A title", examples=["x"])
    number: int = 3


class Tree(ApiModel):
    children: tuple[Tree, ...] = ()


def field(annotation: Any, value: Any = ..., *, defaults: bool = True, **extra: Any) -> dict[str, Any]:
    """The schema of a model's only field."""
    model = type("Model", (ApiModel,), {"__annotations__": {"a": annotation}, "a": Field(value, **extra)})
    found: dict[str, Any] = structural_schema(model, "spec", defaults=defaults)["properties"]["a"]
    return found


def test_a_reference_is_inlined_and_the_keys_beside_it_win() -> None:
    assert field(Colour, description="Which.") == {"type": "string", "enum": ["Red", "Blue"], "description": "Which."}
    assert field(Colour)["description"] == "A docstring of the enum."


def test_a_model_that_contains_itself_is_refused_with_its_path() -> None:
    with pytest.raises(Invalid, match=r"spec\.children\[\]: Tree contains itself"):
        structural_schema(Tree, "spec", defaults=True)


def test_words_that_say_nothing_to_the_api_server_are_dropped() -> None:
    schema = structural_schema(Inner, "spec", defaults=True)
    assert schema["properties"]["textValue"] == {"type": "string"}
    assert "title" not in schema
    assert schema["description"] == "A docstring of two lines."


def test_none_means_absent_and_nothing_is_nullable() -> None:
    assert field(int | None, None) == {"type": "integer"}
    assert field(Colour | None, None)["enum"] == ["Red", "Blue"]
    assert field(Inner | None, None)["properties"]["number"]["type"] == "integer"


def test_none_inside_a_default_is_left_out() -> None:
    assert field(Inner, Inner(number=4))["default"] == {"number": 4}
    assert field(list[Inner], [Inner()])["default"] == [{"number": 3}]


def test_bounds_beside_none_reach_the_schema() -> None:
    item = Annotated[str, Field(max_length=5)]
    assert field(tuple[item, ...] | None, None, max_length=3) == {
        "type": "array",
        "items": {"type": "string", "maxLength": 5},
        "maxItems": 3,
    }


def test_const_becomes_an_enum_of_one() -> None:
    assert field(Literal["TiKV"]) == {"type": "string", "enum": ["TiKV"]}


def test_exclusive_bounds_in_the_words_of_openapi_3_0() -> None:
    assert field(int, gt=0, lt=9) == {
        "type": "integer",
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 9,
        "exclusiveMaximum": True,
    }


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int


def test_additional_properties() -> None:
    assert "additionalProperties" not in structural_schema(Strict, "spec", defaults=True)
    assert field(dict[str, Any]) == {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    assert field(dict[str, int | None]) == {"type": "object", "additionalProperties": {"type": "integer"}}


def test_a_set_becomes_a_list_type() -> None:
    assert field(set[str]) == {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}


@pytest.mark.parametrize("annotation", [int | str, Inner | Strict | None, list[int | str]])
def test_a_union_is_refused_with_its_path(annotation: Any) -> None:
    with pytest.raises(Invalid, match=r"spec\.a(\[\])?: anyOf: write an enum"):
        field(annotation)


def test_a_tuple_is_refused_with_its_path() -> None:
    with pytest.raises(Invalid, match=r"spec\.a: prefixItems"):
        field(tuple[int, str])


def test_formats_that_the_api_server_checks_stay() -> None:
    assert field(datetime) == {"type": "string", "format": "date-time"}
    assert field(time) == {"type": "string"}
    assert "format" not in field(AnyUrl)
    assert field(int, json_schema_extra={"format": "int64"})["format"] == "int64"


def test_status_has_no_defaults() -> None:
    assert field(int, 3)["default"] == 3
    assert "default" not in field(int, 3, defaults=False)
    assert "default" not in field(Inner, Inner(), defaults=False)["properties"]["number"]


def test_extensions_pass_through() -> None:
    rules = [{"rule": "self > 1", "message": "m"}]
    extra: dict[str, Any] = {"x-kubernetes-validations": rules}
    assert field(int, json_schema_extra=extra)["x-kubernetes-validations"] == rules


def test_the_same_model_twice_stays_whole() -> None:
    class Both(ApiModel):
        one: Inner
        two: Inner

    schema = structural_schema(Both, "spec", defaults=True)["properties"]
    assert schema["one"] == schema["two"]
    assert schema["two"]["properties"]["number"]["default"] == 3
