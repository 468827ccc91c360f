"""Asks an API server whether it is ready; with the standard library, since it runs ten times a second."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path
from urllib.parse import urlsplit


class Probe:
    """Sends GET requests with a client certificate."""

    def __init__(self, server: str, *, ca: Path, certificate: Path, key: Path) -> None:
        address = urlsplit(server)
        self._host, self._port = address.hostname or "", address.port
        self._tls = ssl.create_default_context(cafile=str(ca))
        self._tls.load_cert_chain(str(certificate), str(key))

    def status(self, path: str, *, timeout: float = 2.0) -> int:
        """The HTTP status of ``GET path``; 0 where no answer came."""
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._tls)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            return 0
        else:
            return response.status
        finally:
            connection.close()
