"""The border of the driver: whatever PD says that is no answer means that the database cannot be read now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from watchkeeper.errors import Gone, NotBootstrapped, Refused, Transient


@contextmanager
def readable() -> Iterator[None]:
    """Turns the errors of a read that are not transient in themselves into `Transient`, with their reason."""
    try:
        yield
    except (NotBootstrapped, Refused, Gone) as error:
        raise Transient(error.message, reason=error.reason) from error
