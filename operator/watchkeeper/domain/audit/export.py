"""A period of the stream for an auditor: as JSON Lines, or as CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from watchkeeper.domain.audit.record import FORMAT, moment

COLUMNS: dict[str, str] = {
    "time": "time",
    "type": "type",
    "actorKind": "actor.kind",
    "actor": "actor.name",
    "instance": "actor.instance",
    "kind": "object.kind",
    "namespace": "object.namespace",
    "name": "object.name",
    "uid": "object.uid",
    "resourceVersion": "object.resourceVersion",
    "subject": "subject",
    "action": "action",
    "target": "target",
    "risk": "risk",
    "from": "from",
    "to": "to",
    "state": "state",
    "decision": "decision",
    "reason": "reason",
    "message": "message",
    "why": "why",
    "outcome": "outcome",
    "digest": "digest",
    "proposedBy": "proposedBy",
    "approvers": "approvers",
    "approvalsRequired": "approval.required",
    "policyUid": "policy.uid",
    "policyGeneration": "policy.generation",
    "operationKey": "attempt.operationKey",
    "endpoint": "request.endpoint",
    "method": "request.method",
    "path": "request.path",
    "query": "request.query",
    "body": "request.body",
    "answerStatus": "answer.status",
    "answer": "answer.text",
    "recordedTime": "recordedTime",
    "chain": "chain",
    "seq": "seq",
    "id": "id",
    "hash": "hash",
}
"""Column -> where its value is in a record. The JSON Lines hold more: plans, specs of policies."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula; the last four are the wide forms, which some take for the same."""


def period(
    lines: Iterable[bytes], *, since: datetime | None, until: datetime | None
) -> Iterator[tuple[bytes, Mapping[str, Any]]]:
    """The records of what happened from `since` on and before `until`, each once, with their lines.

    A record that was told again is given where it was told first. Nothing is verified here.

    Args:
        lines: of the stream; what is no record is left out.
        since: by the API server's clock; None: from the beginning.
        until: None: to the end.
    """
    first, end = (moment(since) if since else ""), (moment(until) if until else "")
    seen: set[str] = set()
    for line in lines:
        record = _record(line)
        if record is None or record["id"] in seen:
            continue
        seen.add(record["id"])
        if record["time"] >= first and (not end or record["time"] < end):
            yield line.strip(), record


def _record(line: bytes) -> Mapping[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("schema") != FORMAT:
        return None
    return record if all(isinstance(record.get(name), str) for name in ("id", "time")) else None


def csv_row(values: Iterable[object]) -> str:
    """One row of CSV (RFC 4180) without its line end; a value that a spreadsheet would calculate gets an apostrophe before it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([_cell(value) for value in values])
    return text.getvalue()


def csv_values(record: Mapping[str, Any]) -> list[object]:
    """The values of a record in the order of `COLUMNS`."""
    return [_at(record, path) for path in COLUMNS.values()]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        value = " ".join(str(part) for part in value)
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.lstrip(" ").startswith(_FORMULA) else text


def _at(record: Mapping[str, Any], path: str) -> object:
    value: object = record
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
