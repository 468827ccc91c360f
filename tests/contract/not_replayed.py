"""Recorded exchanges that are not replayed, with the reason. A test checks that nothing is missing here."""

from __future__ import annotations

NOT_REPLAYED: dict[str, str] = {}
