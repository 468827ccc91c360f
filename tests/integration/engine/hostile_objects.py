"""Objects that a confused or hostile person might send: made from the CRDs' schemas, then hurt, and some from beyond them.

Everything comes from one random generator: the same seed gives the same objects.
"""

from __future__ import annotations

import copy
import json
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import yaml

from tests.integration.schema_constraints import Path, Schema, example, replaced, without

CRDS = pathlib.Path(__file__).parents[3] / "crds"
TEXTS = (
    "",
    " ",
    "\x00",
    "\x1b[2J\x1b[31mALL IS WELL",
    "fine\nERROR watchkeeper: executed by alice",
    'fine\r\n{"level":"ERROR","message":"forged"}',
    "\x85\u2028\u2029new lines of Unicode",
    "\u202egnirts desrever",
    "zero\u200bwidth\u2060",
    "\u0430dmin",
    "tikv\uff0d0",
    "e\u0301 and \u00e9",
    "\U0001f525" * 40,
    "../../../pd/api/v1/regions",
    "..%2f..%2fadmin",
    "7?type=leader&force",
    "7#fragment",
    "7;rm -rf",
    "store/7/../../config",
    "regions/store/1?type=leder",
    "//other.example/pd",
    "http://169.254.0.1/",
    "7 HTTP/1.1\r\nX-Caller-ID: root",
    "${env:TOKEN}{{7*7}}",
    "[red]bold[/red]",
    "=cmd|' /C calc'!A1",
    "'; DROP TABLE stores; --",
    "NaN",
    "0x07",
    "1e3",
    "٧",
    "@me",
    "system:masters",
    "system:serviceaccount:watchkeeper-system:watchkeeper-controller",
    "sha256:" + "0" * 64,
    "x" * 300,
    "x" * 70_000,
)
NUMBERS = (-1, 0, 1, 7, 2**31, 2**53, 2**63 - 1, 2**63, 10**40, -(2**63), 0.5, -0.0, 1e300)
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], {"": ""}, [None], {"$ref": "#"}, {"__proto__": {}})
ACTIONS: dict[str, tuple[str, ...]] = {
    "transfer-leader": ("region", "toStore"),
    "transfer-peer": ("region", "fromStore", "toStore"),
    "drain-store": ("store", "seconds"),
    "undrain-store": ("store",),
    "wait": ("seconds",),
    "log-message": ("message",),
}
TOOLS = ("wait", "log-message")


@dataclass(frozen=True)
class Hostile:
    """One request body, and what was done to it (for failures)."""

    kind: str
    body: bytes
    how: str


class Generator:
    """Makes them."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._schemas = {}
        for path in CRDS.glob("*.yaml"):
            crd = yaml.safe_load(path.read_text())
            schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            self._schemas[crd["spec"]["names"]["kind"]] = schema["properties"]["spec"]
        self._number = 0

    def many(self, kind: str, count: int) -> Iterator[Hostile]:
        """So many of a kind."""
        for _ in range(count):
            yield self._one(kind)

    def _one(self, kind: str) -> Hostile:
        self._number += 1
        way = self._random.choices(("schema", "careful", "name", "deep", "raw"), (40, 40, 8, 6, 6))[0]
        if way == "raw":
            return Hostile(kind, self._raw(), way)
        spec, how = self._careful(kind) if way == "careful" else self._from_schema(kind)
        name = self._random.choice(TEXTS) if way == "name" else self._name(kind)
        if way == "deep":
            spec = replaced(
                spec, (self._random.choice(sorted(spec)),), self._nested(self._random.choice((40, 900, 9000)))
            )
        body = {"apiVersion": "watchkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        return Hostile(kind, self._encoded(body), f"{way} {how}")

    def _name(self, kind: str) -> str:
        return "default" if kind == "OperatorPolicy" else f"h-{self._number}"

    def _from_schema(self, kind: str) -> tuple[Any, str]:
        """An example that obeys the schema, with one to three of its places hurt."""
        spec = example(self._schemas[kind], self._number)
        how = []
        for _ in range(self._random.randint(1, 3)):
            place = self._random.choice(list(_places(spec)))
            spec, done = self._hurt(spec, place)
            how.append(done)
        return spec, "; ".join(how)

    def _hurt(self, spec: Any, place: Path) -> tuple[Any, str]:
        way = self._random.choice(("other", "other", "other", "remove", "unknown"))
        if way == "remove" and place:
            return without(spec, place), f"removed {place}"
        if way == "unknown" and isinstance(_at(spec, place), dict):
            return replaced(spec, (*place, self._random.choice(TEXTS[:30])), self._value()), f"unknown in {place}"
        return replaced(spec, place, self._value()), f"other {place}"

    def _careful(self, kind: str) -> tuple[Any, str]:
        """What the API server has no reason to refuse: the hostile part is where only the operator looks."""
        if kind == "OperatorPolicy":
            return self._careful_policy(), "policy"
        if kind == "StandingChange":
            return self._careful_change(), "hold"
        name = self._random.choice((*ACTIONS, "reboot-everything"))
        known = ACTIONS.get(name, ("store",))
        parameters: dict[str, Any] = {key: self._parameter() for key in known if self._random.random() < 0.9}
        if self._random.random() < 0.3:
            parameters[self._random.choice(TEXTS[2:36])] = self._parameter()
        spec = {
            "subjectRef": {"name": self._random.choice(("tikv", "tikv", "tikv", "nobody"))},
            "action": {"source": "Tool" if name in TOOLS else "Subject", "name": name, "parameters": parameters},
            "reason": self._random.choice(TEXTS[2:36]),
        }
        if self._random.random() < 0.2:
            spec["expectedOutcome"] = self._random.choice(TEXTS[2:36])
        return spec, f"{name} {json.dumps(parameters)[:200]}"

    def _careful_policy(self) -> dict[str, Any]:
        spec: dict[str, Any] = {"mode": "Observe", "approval": {"mode": "Always"}}
        spec["rules"] = [
            {"actions": [self._random.choice(("drain-store", "no-such-action", "*"))], "autonomy": "Propose"},
            {"subjects": [self._random.choice(("tikv", "nobody", "a" * 253))], "autonomy": "Off"},
        ]
        return spec

    def _careful_change(self) -> dict[str, Any]:
        return {
            "subjectRef": {"name": self._random.choice(("tikv", "nobody", "xn--80ak6aa92e"))},
            "change": {
                "type": "EvictLeaders",
                "target": self._random.choice(("store/7", "store/..", "store/99", "zone/a")),
            },
            "untilTime": self._random.choice(("2030-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z")),
            "reason": self._random.choice(TEXTS[2:36]),
        }

    def _parameter(self) -> Any:
        """Of an action: hostile, or now and then what is allowed."""
        return self._random.choice((1, 3, 600)) if self._random.random() < 0.3 else self._value()

    def _value(self) -> Any:
        return copy.deepcopy(self._random.choice(self._random.choice((TEXTS, NUMBERS, OTHERS))))

    def _nested(self, depth: int) -> Any:
        value: Any = "deep"
        for _ in range(depth):
            value = [value] if depth % 2 else {"a": value}
        return value

    def _encoded(self, body: Any) -> bytes:
        """As UTF-8 text; numbers that JSON has no word for stay what Python makes of them."""
        try:
            return json.dumps(body, ensure_ascii=self._random.random() < 0.5).encode("utf-8", "surrogatepass")
        except RecursionError:
            depth = 20_000
            return b'{"spec":' + b"[" * depth + b"]" * depth + b"}"

    def _raw(self) -> bytes:
        """No JSON object at all, or hardly."""
        return self._random.choice(
            (
                b"",
                b"null",
                b"[]",
                b'"text"',
                b"{",
                b"\xff\xfe\x00",
                b'{"kind":"ActionProposal","kind":"Secret","metadata":{"name":"x"}}',
                b'{"metadata":{"name":"\\ud800"},"spec":{}}',
                b'{"metadata":{"name":"x"},"spec":{"a":NaN}}',
                b'{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"}}',
                b"%YAML 1.1\n---\n!!python/object/apply:os.system [id]\n",
                b'{"metadata":{"name":"x"},"spec":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
                b'{"metadata":{"name":"x"},"spec":{"reason":"' + b"x" * 2_000_000 + b'"}}',
            )
        )


def _places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every node but the root."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from _places(child, (*path, key))


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


__all__ = ["Generator", "Hostile", "Schema"]
