"""Where the simulator listens, and what it tells of that."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.simulator.serving.tls import Tls


@dataclass(frozen=True, slots=True)
class Listen:
    """Ports of 0 are chosen; `ports` are those of PD's members, `status_port` that of the first store.

    TLS is for PD and the stores' status ports; the control port is never encrypted.
    """

    host: str = "127.0.0.1"
    ports: tuple[int, ...] = ()
    status_port: int = 0
    control_port: int = 0
    advertise: str | None = None
    """The host in URLs; None: the one that is listened on."""
    tls: Tls | None = None

    @property
    def shown_host(self) -> str:
        """The host in URLs."""
        host = self.advertise or self.host
        return f"[{host}]" if ":" in host and not host.startswith("[") else host

    def url(self, port: int, *, encrypted: bool = True) -> str:
        """The base URL of a port."""
        scheme = "https" if encrypted and self.tls is not None else "http"
        return f"{scheme}://{self.shown_host}:{port}"
