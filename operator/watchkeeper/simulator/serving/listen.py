"""Where the simulator listens, and what it tells of that."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.simulator.serving.tls import Tls

HIGHEST_PORT = 65_535


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

    def check(self, *, stores: int, members: int) -> None:
        """Look at the numbers before anything is opened.

        Raises:
            ValueError: one of them, or that of the last store, is no port, or there are more of PD than members.
        """
        if len(self.ports) > members:
            raise ValueError(f"--port is there {len(self.ports)} times, but PD has {members} members")
        last = self.status_port + max(stores - 1, 0) if self.status_port else 0
        for port in (*self.ports, self.status_port, last, self.control_port):
            if not 0 <= port <= HIGHEST_PORT:
                raise ValueError(
                    f"there is no port {port}: ports are 0 to {HIGHEST_PORT}, and each store needs its own"
                )

    @property
    def shown_host(self) -> str:
        """The host in URLs."""
        host = self.advertise or self.host
        return f"[{host}]" if ":" in host and not host.startswith("[") else host

    def url(self, port: int, *, encrypted: bool = True) -> str:
        """The base URL of a port."""
        scheme = "https" if encrypted and self.tls is not None else "http"
        return f"{scheme}://{self.shown_host}:{port}"
