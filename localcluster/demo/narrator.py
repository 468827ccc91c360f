"""Tells the story: sentences, real kubectl commands as the people would type them, and what they print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import yaml

from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError

_PLUGIN = "import sys; sys.argv[0] = 'kubectl-watchkeeper'; from watchkeeper.cli.main import main; main()"
"""What kubectl runs for `kubectl watchkeeper`, wherever it is installed."""
_COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _paint(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m" if _COLOUR else text


class StoryError(LocalClusterError):
    """The story did not go as it must."""


class Narrator:
    """Speaks, types and waits. Every wait has an end."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._begin = time.monotonic()

    def chapter(self, title: str) -> None:
        """A heading with the time since the beginning."""
        print(f"\n{_paint(f'== {title}', '1;36')}  [{time.monotonic() - self._begin:.0f} s]", flush=True)

    def say(self, text: str) -> None:
        """A sentence."""
        print(_paint(text, "3"), flush=True)

    def run(self, user: str, *words: str, stdin: str | None = None, refused: bool = False) -> str:
        """Type a kubectl command as a person and show what it prints.

        Raises:
            StoryError: it was refused although it should not, or the other way round.
        """
        shown = " ".join(["kubectl", *(_quoted(word) for word in words)])
        _prompt(user, shown)
        if stdin is not None:
            print(_indented(stdin, "| "), flush=True)
        done = self._cluster.kubectl("-n", self._namespace, *words, user=user, stdin=stdin, check=False)
        return _answered(shown, done, refused=refused)

    def paste(self, user: str, command: str, *, refused: bool = False) -> str:
        """Run a line of a message in a shell, as it stands there, and show what it prints.

        Raises:
            StoryError: see `run`.
        """
        _prompt(user, command)
        return _answered(command, self._cluster.shell(command, user=user), refused=refused)

    def propose(self, user: str, manifest: dict[str, Any]) -> str:
        """Show a proposal and create it; signed by hand where the API server does not. Returns its name."""
        if not self._cluster.stamps:
            manifest = {**manifest, "spec": {**manifest["spec"], "proposedBy": user}}
        return self.apply(user, manifest, verb="create")

    def watchkeeper(self, user: str, *words: str) -> str:
        """The same with `kubectl watchkeeper`, the command line of the product.

        Raises:
            StoryError: it was refused.
        """
        shown = " ".join(["kubectl watchkeeper", *(_quoted(word) for word in words)])
        _prompt(user, shown)
        program = [sys.executable, "-c", _PLUGIN, "-n", self._namespace, *words]
        variables = {**os.environ, "KUBECONFIG": str(self._cluster.kubeconfig(user)), "NO_COLOR": "1"}
        done = subprocess.run(program, capture_output=True, text=True, env=variables, timeout=60, check=False)
        return _answered(shown, done, refused=False)

    def apply(self, user: str, manifest: dict[str, Any], *, verb: str = "apply") -> str:
        """Show a manifest and send it; returns the name of what was made."""
        text = yaml.safe_dump(manifest, sort_keys=False)
        answer = self.run(user, verb, "-f", "-", stdin=text)
        return answer.split()[0].partition("/")[2] if answer else ""

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """An object as JSON, without showing it."""
        found = json.loads(self._cluster.kubectl("-n", self._namespace, "get", kind, name, "-o", "json").stdout)
        if not isinstance(found, dict):
            raise StoryError(f"{kind} {name} is no object")
        return found

    def list(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind as JSON, without showing them."""
        found = json.loads(self._cluster.kubectl("-n", self._namespace, "get", kind, "-o", "json").stdout)
        return list(found["items"])

    def until(self, what: str, holds: Callable[[], bool], *, seconds: float = 30.0) -> float:
        """Wait for something; returns how long it took.

        Raises:
            StoryError: it did not come in time.
        """
        begin = time.monotonic()
        while not holds():
            if time.monotonic() - begin > seconds:
                raise StoryError(f"{what} did not come within {seconds:.0f} s")
            time.sleep(0.2)
        return time.monotonic() - begin

    def phase(self, name: str, wanted: str, *, seconds: float = 30.0) -> dict[str, Any]:
        """Wait until a proposal is in a phase."""

        def holds() -> bool:
            phase = self.get("ap", name).get("status", {}).get("phase")
            ended = phase in ("Completed", "Failed", "Cancelled")
            if ended and phase != wanted:
                message = self.get("ap", name)["status"].get("message")
                raise StoryError(f"{name} is {phase}, not {wanted}: {message}")
            return bool(phase == wanted)

        self.until(f"phase {wanted} of {name}", holds, seconds=seconds)
        return self.get("ap", name)


def _prompt(user: str, command: str) -> None:
    print(_paint(f"{user}$ {command}", "1;32"), flush=True)


def _answered(command: str, done: subprocess.CompletedProcess[str], *, refused: bool) -> str:
    output = (done.stdout + done.stderr).rstrip()
    print(_indented(output, "  "), flush=True)
    if (done.returncode != 0) is not refused:
        raise StoryError(f"{command} ended with exit code {done.returncode}: {output}")
    return done.stdout


def _quoted(word: str) -> str:
    return f"'{word}'" if any(c in word for c in ' "{}|*') else word


def _indented(text: str, prefix: str) -> str:
    return "\n".join(prefix + line for line in text.splitlines())
