"""An answer of PD as it came, and what its text says.

Error bodies come in four shapes: a JSON string, an object `{code, msg, data}`, `null`, and plain text (surprise 40).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from watchkeeper.ports.redaction import redacted, shown

MAX_TEXT = 512


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """Status, body and the headers that matter."""

    status: int
    body: bytes
    content_type: str = ""
    retry_after: float | None = None

    @property
    def is_json(self) -> bool:
        """Whether it says so. PD calls some of its JSON `application/octet-stream` (tl-02): see `value`."""
        return "json" in self.content_type.lower()

    def value(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: it is not JSON.
        """
        return json.loads(self.body)

    def text(self) -> str:
        """What it says, for people and for classification, without secrets; the raw text where it is not JSON."""
        return shown(redacted(self._said()), MAX_TEXT)

    def _said(self) -> str:
        raw = self.body.decode("utf-8", errors="replace").strip()
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            return raw
        if isinstance(value, dict) and isinstance(value.get("msg"), str):
            return str(value["msg"])
        return value if isinstance(value, str) else raw
