"""TLS from the data of a Secret, which stays in memory."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path

from watchkeeper.errors import Invalid

CA, CERTIFICATE, KEY = "ca.crt", "tls.crt", "tls.key"


def client_context(data: Mapping[str, bytes], *, secret: str) -> ssl.SSLContext:
    """A context that trusts the Secret's CA only and shows its client certificate.

    PD asks for a client certificate of that CA as soon as `security.cacert-path` is set.

    Args:
        data: ca.crt, tls.crt and tls.key in PEM.
        secret: its name, for messages.

    Raises:
        Invalid: a key is missing or is not what it says.
    """
    missing = [name for name in (CA, CERTIFICATE, KEY) if not data.get(name)]
    if missing:
        raise Invalid([f"spec.tikv.tlsSecretRef: Secret {secret} has no {name}" for name in missing])
    try:
        context = ssl.create_default_context(cadata=data[CA].decode("ascii"))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _load_certificate(context, data[CERTIFICATE], data[KEY])
    except (ssl.SSLError, ValueError) as error:
        raise Invalid([f"spec.tikv.tlsSecretRef: Secret {secret} cannot be used for TLS: {error}"]) from error
    return context


def no_tls() -> ssl.SSLContext:
    """For plain http: a context that trusts nobody, so that nothing can slip into unverified TLS."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _load_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    # `load_cert_chain` reads files only: they exist for the length of this call, readable by us alone.
    with tempfile.TemporaryDirectory(prefix="watchkeeper-") as folder:
        certificate_file, key_file = Path(folder, CERTIFICATE), Path(folder, KEY)
        _write_private(certificate_file, certificate)
        _write_private(key_file, key)
        context.load_cert_chain(certificate_file, key_file)


def _write_private(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
