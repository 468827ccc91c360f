"""Answers of the API server, and what is wrong with them in terms of `watchkeeper.errors`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watchkeeper.errors import (
    Conflict,
    Denied,
    Gone,
    Invalid,
    NotConnected,
    RateLimited,
    Transient,
    Unreachable,
    WatchkeeperError,
)

MAX_TEXT = 1024


class KindNotInstalled(Transient):
    """The API server does not serve this kind: its CRD is missing, or being replaced."""

    reason = "KindNotInstalled"


class PatchTestFailed(Conflict):
    """A JSON patch does not apply: a `test` of it does not hold, or a path is missing."""

    reason = "PatchTestFailed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `body` is {} where it was no JSON object."""

    code: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    text: str = ""
    """Its beginning, where it was no JSON object."""

    @property
    def message(self) -> str:
        """The message of a Status, else the beginning of the text."""
        return str(self.body.get("message") or self.text or f"HTTP {self.code}")[:MAX_TEXT]

    @property
    def retry_after(self) -> float | None:
        """Seconds of `Retry-After`, where given (the API server sends whole seconds, never a date)."""
        value = self.headers.get("Retry-After", "")
        return float(value) if value.isascii() and value.isdigit() else None

    def causes(self) -> list[Mapping[str, Any]]:
        """`details.causes` of a Status."""
        found = _details(self).get("causes")
        return [cause for cause in found if isinstance(cause, Mapping)] if isinstance(found, list) else []


def read(code: int, headers: Mapping[str, str], data: bytes) -> Answer:
    """An answer from its parts."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return Answer(code, body, headers)
    return Answer(code, {}, headers, data[:MAX_TEXT].decode(errors="replace").strip())


def line(data: bytes, request: str) -> dict[str, Any]:
    """One line of a watch.

    Raises:
        Unreachable: it is no JSON object.
    """
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Unreachable(f"{request}: a line that is no JSON object", reason="NotAnAPIServer")
    return body


def checked(answer: Answer, request: str) -> Mapping[str, Any]:
    """The body of a good answer.

    Args:
        answer: what came back.
        request: method and path, for messages.

    Raises:
        WatchkeeperError: anything but 2xx with a JSON object; see `problem`.
    """
    if not 200 <= answer.code < 300:
        raise problem(answer, request)
    if not answer.body:
        raise Unreachable(
            f"{request}: the answer is no JSON object: is something else between us and the API server? {answer.text[:200]}",
            reason="NotAnAPIServer",
        )
    return answer.body


def problem(answer: Answer, request: str) -> WatchkeeperError:
    """The error that an answer stands for.

    5xx counts as Unreachable: for a write it is not known whether it was applied (a time-out inside the API server says 504).
    """
    message = f"{request}: {answer.message}"
    match answer.code:
        case 400 | 422:
            return _refused(answer, message)
        case 401:
            return Transient(f"{message}: the API server does not know our credentials", reason="Unauthorized")
        case 403:
            return Denied(message, reason="NamespaceTerminating" if _namespace_ends(answer) else None)
        case 404:
            return Gone(message) if _details(answer).get("name") else KindNotInstalled(message, retry_after=10.0)
        case 409:
            return Conflict(message)
        case 410:
            return Transient(message, reason="Expired", retry_after=0.0)
        case 429:
            return RateLimited(message, retry_after=answer.retry_after)
        case code if code >= 500:
            return Unreachable(message, retry_after=answer.retry_after)
        case _:
            return Unreachable(f"{message} (HTTP {answer.code} is no answer of an API server)", reason="NotAnAPIServer")


def not_sent(request: str, error: BaseException) -> NotConnected:
    """No connection could be made."""
    return NotConnected(f"{request}: no connection to the API server: {_text(error)}")


def no_answer(request: str, error: BaseException) -> Unreachable:
    """The request may have arrived, its answer did not."""
    return Unreachable(f"{request}: no answer from the API server: {_text(error)}")


def _refused(answer: Answer, message: str) -> WatchkeeperError:
    details = _details(answer)
    if answer.code == 422 and not (details.get("name") or details.get("causes")):
        # A JSON patch that does not apply: the API server says no more than "the server rejected our request due to an
        # error in our request" (seen on 1.37), while a refused object is named in the details.
        return PatchTestFailed(message)
    problems = [f"{cause.get('field') or 'object'}: {cause.get('message')}" for cause in answer.causes()]
    return Invalid(problems or [message])


def _namespace_ends(answer: Answer) -> bool:
    return any(cause.get("reason") == "NamespaceTerminating" for cause in answer.causes())


def _details(answer: Answer) -> Mapping[str, Any]:
    details = answer.body.get("details")
    return details if isinstance(details, Mapping) else {}


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
