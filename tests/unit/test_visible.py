from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.visible import visible, visible_lines


def test_what_can_be_seen_stays_as_it_is() -> None:
    for text in ("plain", "Grüße, 東京 🔥", "a\\x1b"):
        assert visible(text) == text


def test_what_cannot_be_seen_is_spelled_out() -> None:
    assert visible("\x1b[2J a\nb\u202e\ud800\U000e0001") == "\\x1b[2J a\\x0ab\\u202e\\ud800\\U000e0001"
    assert visible_lines("a\nb\r\n") == "a\nb\\x0d\n"


@given(st.text(st.characters()))
def test_it_can_always_be_written_and_is_one_line(text: str) -> None:
    shown = visible(text)
    assert len(shown.encode().splitlines()) <= 1
    assert len(shown.splitlines()) <= 1
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert visible(shown) == shown
