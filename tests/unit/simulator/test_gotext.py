from __future__ import annotations

import pytest

from watchkeeper.simulator import gojson, gotext
from watchkeeper.simulator.gojson import BadJson

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (60 * SECOND, "1m0s"),
        (17 * 60 * SECOND, "17m0s"),
        (48 * 3600 * SECOND, "48h0m0s"),
        (22_198_256_319, "22.198256319s"),
        (308_518_127, "308.518127ms"),
        (158_951_624_732, "2m38.951624732s"),
        (1_500, "1.5µs"),
    ],
)
def test_durations(nanoseconds: int, text: str) -> None:
    assert gotext.duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0B"), (100 << 30, "100GiB"), ((100 << 30) - (2880 << 20), "97.19GiB"), (1 << 40, "1TiB")]
)
def test_sizes(number: int, text: str) -> None:
    assert gotext.size(number) == text


def test_times() -> None:
    wall = 1_795_228_303_198_256_319
    assert gotext.rfc3339(wall) == "2026-11-21T02:31:43.198256319Z"
    assert gotext.rfc3339(wall - 56_319) == "2026-11-21T02:31:43.1982Z"
    assert gotext.rfc3339(0) == "1970-01-01T00:00:00Z"
    assert gotext.with_monotonic(wall, 38.5) == "2026-11-21 02:31:43.198256319 +0000 UTC m=+38.500000000"
    assert gotext.unix_date(wall) == "Sat Nov 21 02:31:43 UTC 2026"


@pytest.mark.parametrize(("number", "unsigned"), [(-1.0, 2**64 - 1), (35.5, 35), (7.0, 7)])
def test_numbers_of_json_become_unsigned(number: float, unsigned: int) -> None:
    assert gotext.uint64(number) == unsigned


def test_json_as_pd_writes_it() -> None:
    assert gojson.pretty({"a": 1.0, "b": [], "c": None}) == b'{\n  "a": 1,\n  "b": [],\n  "c": null\n}\n'
    assert gojson.pretty("x<y") == b'"x\\u003cy"\n'
    assert gojson.compact({"a": [1.5]}) == b'{"a":[1.5]}'


@pytest.mark.parametrize(
    ("raw", "message", "offset"),
    [
        (b"", "unexpected end of JSON input", 0),
        (b"{nope", "invalid character 'n' looking for beginning of object key string", 2),
        (b'{"a":1', "unexpected end of JSON input", 6),
        (b"[]", "json: cannot unmarshal array into Go value of type map[string]interface {}", 1),
        (b'{"a" 1}', "invalid character '1' after object key", 6),
    ],
)
def test_bodies_that_go_refuses(raw: bytes, message: str, offset: int) -> None:
    with pytest.raises(BadJson) as caught:
        gojson.parse_object(raw)
    assert (caught.value.message, caught.value.data["Offset"]) == (message, offset)
