"""What is stored of a text from outside: no secret that can be told by its form, nothing invisible, nothing endless."""

from __future__ import annotations

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.ports.redaction import MAX_TEXT, redacted, shown, storable

CANARY = "canary-4711-sesame"


@pytest.mark.parametrize(
    "text",
    [
        f"http://root:{CANARY}@pd-0:2379/x",
        f"https://{CANARY}@pd-0",
        f"Authorization: Bearer {CANARY}",
        f"basic {CANARY}",
        f'{{"password":"{CANARY}"}}',
        f'{{\\"token\\": \\"{CANARY}\\"}}',
        f"password={CANARY}&x=1",
        f"PASSWD: {CANARY}",
        f"api_key = '{CANARY}'",
        f"client-secret={CANARY}",
        f"eyJhbGciOiJSUzI1NiIsImtpZCI6IiJ9.{CANARY}.{CANARY}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\\n{CANARY}",
    ],
)
def test_a_secret_that_can_be_told_by_its_form_is_gone(text: str) -> None:
    assert CANARY not in redacted(text)
    assert CANARY not in json.dumps(storable({"a": [text], text: 1}))


@pytest.mark.parametrize(
    "text",
    [
        "[PD:core:ErrStoreNotFound]store 7 not found",
        "the operator of region 42 already exist",
        "http://pd-0.pd:2379/pd/api/v1/operators?watchkeeper=a/0/1",
        "wait for a@b.example, key 5, basic rules",
        "sha256:" + "0" * 64,
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert redacted(text) == text
    assert shown(text) == text


def test_nothing_invisible_is_left() -> None:
    assert shown("a\nb\x1b[2J\u202ec\ud800\u2028") == "a\\x0ab\\x1b[2J\\u202ec\\ud800\\u2028"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=50),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)


@given(JSON)
def test_whatever_comes_can_be_hashed(value: object) -> None:
    stored = storable({"x": value})
    assert json.loads(rfc8785.dumps(stored)) == stored


def test_everything_is_bounded() -> None:
    deep: object = "x"
    for _ in range(100):
        deep = [deep]
    assert len(json.dumps(storable(deep))) < 100
    assert len(storable("x" * 10**6)) == MAX_TEXT
    assert len(storable(list(range(10**4)))) == 64
    assert storable(2**63) == str(2**63)
