"""An HTTP server on loopback that answers what it is told to, and remembers what it was asked."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]


class ScriptedServer(ThreadingHTTPServer):
    """Answers every request with `code`, `headers` and `body` after `delay` seconds; use `serving`."""

    daemon_threads = True
    code = 200
    body = b""
    headers: tuple[tuple[str, str], ...] = ()
    delay = 0.0
    per_connection = 1000
    """Requests of one connection that are answered; at the next it is closed without an answer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[Asked] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that break their connections are what some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return f"http://{self.address}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedServer
    answered = 0

    def answer(self) -> None:
        """Whatever is asked."""
        script = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        script.asked.append(Asked(self.command, self.path, body, dict(self.headers.items())))
        self.close_connection = self.answered >= script.per_connection
        if self.close_connection:
            return
        self.answered += 1
        time.sleep(script.delay)
        try:
            self.send_response(script.code)
            for name, value in (*script.headers, ("Content-Length", str(len(script.body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(script.body)
        except OSError:  # the client did not wait
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server looks for these names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Nothing: a test's output is for figures."""


@contextmanager
def serving() -> Iterator[ScriptedServer]:
    """A server that answers until the end."""
    with ScriptedServer() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()
