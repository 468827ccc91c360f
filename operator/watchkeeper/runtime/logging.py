"""Logging: one JSON object a line, constant messages with fields beside them; never secrets or bodies."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from watchkeeper.visible import visible

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}
_QUIET = ("aiohttp.access", "httpx", "httpcore", "kopf.objects")


class JsonFormatter(logging.Formatter):
    """One record as one JSON object; control characters cannot break out of their line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= _beside(record)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str, ensure_ascii=True)


class TextFormatter(logging.Formatter):
    """One record as a line for people, with the fields beside the message after it, as JSON; only an exception has more."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name that logging gives it
        """The line without an exception's text."""
        record.message = visible(record.message)
        beside = (f" {k}={json.dumps(v, default=str)}" for k, v in _beside(record).items())
        return super().formatMessage(record) + "".join(beside)


def _beside(record: logging.LogRecord) -> dict[str, Any]:
    """What was given as `extra`, without what Kopf adds."""
    return {k: v for k, v in vars(record).items() if k not in _STANDARD and not k.startswith(("k8s_", "settings"))}


def configure(level: str, form: str) -> None:
    """Send everything to standard error in the chosen form."""
    handler = logging.StreamHandler(sys.stderr)
    if form == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
