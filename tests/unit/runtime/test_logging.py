from __future__ import annotations

import json
import logging

from watchkeeper.runtime.logging import JsonFormatter, TextFormatter


def record(**beside: object) -> logging.LogRecord:
    found = logging.LogRecord("watchkeeper.x", logging.ERROR, "x.py", 1, "permissions are missing", (), None)
    vars(found).update(beside)
    return found


def test_text_shows_what_is_given_beside_the_message() -> None:
    line = TextFormatter().format(record(missing=["get subjects", "a\nb"], k8s_ref="of Kopf"))
    assert line.endswith('watchkeeper.x: permissions are missing missing=["get subjects", "a\\nb"]')


def test_json_has_a_field_for_each() -> None:
    line = json.loads(JsonFormatter().format(record(missing=["get subjects"], k8s_ref="of Kopf")))
    assert line["missing"] == ["get subjects"]
    assert line["message"] == "permissions are missing"
    assert "k8s_ref" not in line
