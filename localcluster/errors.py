"""What can go wrong while a local cluster is made; every message says what to do next."""

from __future__ import annotations


class LocalClusterError(Exception):
    """The root of this package's errors."""


class BinariesError(LocalClusterError):
    """A program is missing, has the wrong version, or could not be built."""


class StartError(LocalClusterError):
    """A process of the control plane did not become ready."""


class PortTakenError(StartError):
    """Somebody else listens on a port that was chosen for the control plane."""


class KubectlError(LocalClusterError):
    """kubectl answered with an exit code other than 0; carries what it printed."""

    def __init__(self, command: str, code: int, stdout: str, stderr: str) -> None:
        super().__init__(f"{command}: exit code {code}\n{stderr.strip() or stdout.strip()}")
        self.code = code
        self.stdout = stdout
        self.stderr = stderr
