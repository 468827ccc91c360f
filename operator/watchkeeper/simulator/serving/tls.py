"""TLS as PD does it: with a CA, every client must show a certificate of that CA."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM. With `ca`, clients need a certificate; PD obeys `allowed_cn` from two names on.

    Source: section 1 of the reference: `cert-allowed-cn` acts on the client listener only when it lists more than one.
    """

    cert: Path
    key: Path
    ca: Path | None = None
    allowed_cn: tuple[str, ...] = ()

    @classmethod
    def of(cls, cert: Path | None, key: Path | None, ca: Path | None, allowed_cn: tuple[str, ...]) -> Self | None:
        """From options, each of which may be missing.

        Raises:
            ValueError: some are missing that the others need, or a file does not exist.
        """
        if cert is None and key is None and ca is None and not allowed_cn:
            return None
        if cert is None or key is None:
            raise ValueError("TLS needs both --tls-cert and --tls-key")
        if allowed_cn and ca is None:
            raise ValueError("--tls-allowed-cn needs --tls-ca: without it no client shows a certificate")
        for file in (cert, key, ca):
            if file is not None and not file.is_file():
                raise ValueError(f"there is no file {file}")
        return cls(cert, key, ca, allowed_cn)

    def context(self) -> ssl.SSLContext:
        """For listeners.

        Raises:
            ValueError: the files are no certificate and key that belong together.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.cert, self.key)
            if self.ca is not None:
                context.load_verify_locations(self.ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except ssl.SSLError as error:
            raise ValueError(f"the TLS files cannot be used: {error}") from error
        return context

    def admits(self, certificate: dict[str, Any] | None) -> bool:
        """Whether a client with this certificate (as ssl shows it) may talk to PD."""
        if len(self.allowed_cn) < 2:  # PD ignores a single name here
            return True
        subject = (certificate or {}).get("subject", ())
        names = {value for part in subject for key, value in part if key == "commonName"}
        return bool(names & set(self.allowed_cn))
