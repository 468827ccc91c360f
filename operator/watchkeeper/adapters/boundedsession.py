"""A `requests` session for servers that may be hostile: no redirects, no proxies or passwords of ours, no endless answers."""

from __future__ import annotations

from typing import Any

import requests

MAX_BYTES = 32 * 1024 * 1024
PIECE_BYTES = 64 * 1024


class AnswerTooLong(requests.RequestException):
    """The answer is longer than anybody needs."""


class BoundedSession(requests.Session):
    """A redirect is an error: it could lead to any address that this process reaches and its owner does not.

    Neither proxies nor `.netrc` of the environment are used. An answer is read in pieces, up to a bound.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        super().__init__()
        self.trust_env = False
        self.max_redirects = 0
        self.headers["Accept-Encoding"] = "identity"
        self._max_bytes = max_bytes
        self.hooks["response"].append(self._read)

    def _read(self, response: requests.Response, **_: Any) -> requests.Response:
        """Called by `requests` when the head of an answer is there, before it would read all of it."""
        body = bytearray()
        for piece in response.iter_content(PIECE_BYTES):
            body += piece
            if len(body) > self._max_bytes:
                response.close()
                raise AnswerTooLong(f"the answer is longer than {self._max_bytes} bytes")
        response._content = bytes(body)  # where `requests` looks for what was read already
        return response
