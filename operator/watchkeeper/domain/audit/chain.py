"""The hash chain: every record names the hash of the one before it.

``hash`` is ``sha256:`` over the canonical JSON (RFC 8785) of the record without ``hash``; ``previous`` is among what is
hashed. The first record of a chain has sequence number 1, ``previous`` is `GENESIS`, and it names the head of the chain
before it. A line of the stream is the canonical JSON of the whole record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785

from watchkeeper.domain.audit.record import FORMAT, Fact, moment

GENESIS = "sha256:" + "0" * 64


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of a chain that is known."""

    chain: str
    seq: int
    hash: str

    def wire(self) -> dict[str, Any]:
        """As JSON."""
        return {"chain": self.chain, "seq": self.seq, "hash": self.hash}


def hash_of(record: Mapping[str, Any]) -> str:
    """The hash that the record must carry.

    Raises:
        ValueError: it is no canonical JSON (a number that is too large, a lone surrogate).
    """
    content = {key: value for key, value in record.items() if key != "hash"}
    return "sha256:" + hashlib.sha256(rfc8785.dumps(content)).hexdigest()


class Chain:
    """Puts facts into one chain, in memory; the caller writes the lines in their order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._seq = 0
        self._hash = GENESIS

    @property
    def head(self) -> Head:
        """The last record so far; sequence number 0 before the first."""
        return Head(self.name, self._seq, self._hash)

    def seal(self, fact: Fact, recorded: datetime) -> bytes:
        """The next line of the stream, with its line end."""
        record: dict[str, Any] = {
            **fact.wire(),
            "schema": FORMAT,
            "chain": self.name,
            "seq": self._seq + 1,
            "previous": self._hash,
            "recordedTime": moment(recorded),
        }
        record["hash"] = hash_of(record)
        line = rfc8785.dumps(record) + b"\n"
        self._seq, self._hash = self._seq + 1, record["hash"]
        return line
