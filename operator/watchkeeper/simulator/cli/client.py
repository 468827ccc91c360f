"""How the commands talk to a running simulator: its control port."""

from __future__ import annotations

from typing import Annotated, Any

import httpx
import typer

DEFAULT_CONTROL_PORT = 20379
DEFAULT_CONTROL = f"http://127.0.0.1:{DEFAULT_CONTROL_PORT}"

ControlUrl = Annotated[
    str,
    typer.Option("--control", envvar="WATCHKEEPER_SIMULATOR", help="URL of the control port of a running simulator"),
]


class NobodyAnswers(Exception):
    """No simulator answers there."""


class Refused(Exception):
    """The simulator says why not."""


class Client:
    """Asks one simulator."""

    def __init__(self, control: str) -> None:
        self._control = control.rstrip("/")

    def get(self, path: str) -> Any:
        """The JSON of a read."""
        return self._ask("GET", path)

    def post(self, path: str, body: Any) -> Any:
        """The JSON of an answer to a request with a body."""
        return self._ask("POST", path, body)

    def delete(self, path: str) -> Any:
        """The JSON of an answer to a removal."""
        return self._ask("DELETE", path)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        try:
            with httpx.Client(timeout=30, trust_env=False) as http:
                answer = http.request(method, self._control + path, json=body)
            found = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise NobodyAnswers(
                f"no simulator answers at {self._control}: {str(error) or type(error).__name__}\n"
                "start one with: python -m watchkeeper.simulator serve\n"
                "or say where it is with --control or WATCHKEEPER_SIMULATOR"
            ) from error
        if answer.is_error:
            said = found.get("error") if isinstance(found, dict) else found
            raise Refused(str(said))
        return found
