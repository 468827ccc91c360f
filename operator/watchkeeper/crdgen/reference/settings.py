"""The page of the operator's settings, from their model."""

from __future__ import annotations

from typing import Any, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from watchkeeper.crdgen.reference.markdown import code, document, table
from watchkeeper.runtime.settings import Settings

INTRODUCTION = """\
The operator (`watchkeeper-operator`, or `python -m watchkeeper.runtime`) reads its settings from the environment. Times are in
seconds. Where it does not run in a cluster it reads `KUBECONFIG`."""

EXIT_CODES = (
    ("0", "it was told to stop (SIGTERM, SIGINT)"),
    ("1", "leadership was lost or a watcher died: start it again"),
    ("2", "it cannot work as it is set up: a setting makes no sense, or a permission is missing (the log names each)"),
)
ENDPOINTS = (
    ("/healthz", "500 when a key has waited for more than five minutes: the workers are stuck"),
    ("/readyz", "503 while it leads and its watches have not begun; a stand-by is ready"),
    (
        "/metrics",
        "Prometheus: passes, their duration, the queue's depth and age, whether this replica leads, whether the audit works",
    ),
)


def page() -> str:
    """The page."""
    prefix = str(Settings.model_config.get("env_prefix", ""))
    rows = [_row(f"{prefix}{name.upper()}", field) for name, field in Settings.model_fields.items()]
    return document(
        "Settings of the operator",
        INTRODUCTION,
        table(("Variable", "Type", "Default", "Bounds", "Meaning"), rows),
        "## HTTP\n\n" + table(("Path", "Answers"), [(code(path), text) for path, text in ENDPOINTS]),
        "## Exit codes\n\n" + table(("Code", "Meaning"), EXIT_CODES),
    )


def _row(name: str, field: FieldInfo) -> tuple[str, ...]:
    return code(name), _type(field.annotation), _default(field), _bounds(field), field.description or ""


def _type(annotation: Any) -> str:
    names = {str: "text", bool: "true or false", int: "whole number", float: "number"}
    return names.get(get_origin(annotation) or annotation, str(annotation))


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "the host's name"
    if field.default is PydanticUndefined:
        return "required"
    value = field.default
    return code(str(value).lower() if isinstance(value, bool) else str(value)) or "empty"


def _bounds(field: FieldInfo) -> str:
    words = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
    parts: list[str] = []
    for limit in field.metadata:
        parts += [f"{word} {value}" for key, word in words.items() if (value := getattr(limit, key, None)) is not None]
        if (pattern := getattr(limit, "pattern", None)) is not None:
            parts.append(code(pattern))
    return ", ".join(parts)
