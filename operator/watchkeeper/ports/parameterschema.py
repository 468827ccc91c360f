"""The JSON Schema of an action's parameters as people read it in a Subject's catalog, with kubectl describe among others."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def parameter_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of the model without the titles that pydantic makes up: they only repeat the names."""
    schema: dict[str, Any] = _untitled(model.model_json_schema())
    return schema


def _untitled(node: Any) -> Any:
    if isinstance(node, list):
        return [_untitled(one) for one in node]
    if not isinstance(node, dict):
        return node
    # a property that is named title has a schema, not a text
    return {key: _untitled(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
