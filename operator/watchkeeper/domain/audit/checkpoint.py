"""Signed checkpoints: how far a chain had come, so that what is cut off its end is missed.

Signed with Ed25519 over the canonical JSON (RFC 8785) of the checkpoint without `signature`, after a prefix that says what
is signed. The key's id is the SHA-256 of the raw public key, cut to 16 hexadecimal digits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from watchkeeper.domain.audit.chain import Head
from watchkeeper.domain.audit.record import moment
from watchkeeper.errors import Invalid

FORMAT = "watchkeeper.dev/audit-checkpoint/v1"
_PREFIX = FORMAT.encode() + b"\n"
KEY_ID_LENGTH = 16
MAX_CHAINS = 64
"""Checkpoints that are kept, one for each chain; each is under 500 bytes. The oldest go first: later chains name the heads of
earlier ones."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of one chain at one moment."""

    head: Head
    time: str
    """When it was signed, by the API server's clock; RFC 3339."""
    complete_time: str
    """Everything that happened before this moment was in the stream by then."""
    key: str
    """Which key signed it."""

    def wire(self) -> dict[str, Any]:
        """As JSON, without the signature."""
        head = self.head
        return {
            "schema": FORMAT,
            "chain": head.chain,
            "seq": head.seq,
            "count": head.seq,
            "hash": head.hash,
            "time": self.time,
            "completeTime": self.complete_time,
            "key": self.key,
        }


class SigningKey:
    """The operator's private key."""

    def __init__(self, pem: bytes) -> None:
        """Read a private key.

        Args:
            pem: PKCS #8 in PEM, as `openssl genpkey -algorithm ed25519` writes it.

        Raises:
            Invalid: it is something else. The message never quotes it.
        """
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise Invalid(["the audit key is no unencrypted PEM private key"]) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise Invalid(["the audit key is not an Ed25519 key"])
        self._key = key
        self.public = key.public_key()
        self.id = key_id(self.public)

    def sign(self, head: Head, *, now: datetime, complete: datetime) -> dict[str, Any]:
        """The checkpoint of that head, with its signature."""
        content = Checkpoint(head, moment(now), moment(complete), self.id).wire()
        signature = self._key.sign(_PREFIX + rfc8785.dumps(content))
        return {**content, "signature": base64.b64encode(signature).decode()}


def new_key() -> tuple[bytes, bytes]:
    """A new private key and its public key, both in PEM."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public


def key_id(key: Ed25519PublicKey) -> str:
    """How a checkpoint names the key that signed it."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:KEY_ID_LENGTH]


def public_key(pem: bytes) -> Ed25519PublicKey:
    """A public key in PEM.

    Raises:
        Invalid: it is none, or not of Ed25519.
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise Invalid(["the public key is no Ed25519 key in PEM"])
    return key


def checked(raw: Mapping[str, Any], keys: Iterable[Ed25519PublicKey]) -> Checkpoint:
    """A checkpoint whose signature is good.

    Raises:
        Invalid: it is malformed, signed with a key that is not among these, or its signature is not good.
    """
    found = parsed(raw)
    where = f"checkpoint of chain {found.head.chain} at {found.head.seq}"
    key = next((key for key in keys if key_id(key) == found.key), None)
    if key is None:
        raise Invalid([f"{where}: signed with key {found.key}, whose public key was not given"])
    try:
        signature = base64.b64decode(str(raw.get("signature", "")), validate=True)
        key.verify(signature, _PREFIX + rfc8785.dumps(found.wire()))
    except (InvalidSignature, binascii.Error, ValueError):
        raise Invalid([f"{where}: its signature is not good"]) from None
    return found


def parsed(raw: Mapping[str, Any]) -> Checkpoint:
    """A checkpoint as stored; whether its signature is good is not asked.

    Raises:
        Invalid: it is malformed.
    """
    wanted = {"schema": str, "chain": str, "seq": int, "count": int, "hash": str, "time": str, "completeTime": str}
    texts = {**wanted, "key": str}
    if any(type(raw.get(name)) is not kind for name, kind in texts.items()) or raw["schema"] != FORMAT:
        raise Invalid(["a checkpoint is malformed"])
    if raw["count"] != raw["seq"] or raw["seq"] < 1:
        raise Invalid([f"checkpoint of chain {raw['chain']}: its count and its sequence number differ"])
    return Checkpoint(Head(raw["chain"], raw["seq"], raw["hash"]), raw["time"], raw["completeTime"], raw["key"])
