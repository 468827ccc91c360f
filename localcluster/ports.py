"""Free loopback ports that stay ours until a server of ours listens on them.

Each port is held by a socket that is bound with SO_REUSEPORT but does not listen: nobody without that option can
bind it, and the kernel gives it to nobody who asks for any free port. The servers are started with their flag for
SO_REUSEPORT; only sockets that listen receive connections.
"""

from __future__ import annotations

import socket


class PortReservation:
    """Holds `count` ports of 127.0.0.1; close it when the servers have stopped."""

    def __init__(self, count: int) -> None:
        self._sockets: list[socket.socket] = []
        try:
            for _ in range(count):
                self._sockets.append(_held())
        except OSError:
            self.close()
            raise
        self.ports = [int(held.getsockname()[1]) for held in self._sockets]

    def close(self) -> None:
        """Let the ports go."""
        for held in self._sockets:
            held.close()
        self._sockets.clear()


def _held() -> socket.socket:
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("127.0.0.1", 0))
    return held
