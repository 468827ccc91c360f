"""The border of the driver: whatever PD says that is no answer means that the database cannot be read now."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from watchkeeper.errors import Gone, NotBootstrapped, Refused, Transient, Unreachable
from watchkeeper.ports.redaction import redacted, shown

MAX_TEXT = 256
logger = logging.getLogger(__name__)


@contextmanager
def readable() -> Iterator[None]:
    """Turns the errors of a read that are not transient in themselves into `Transient`, with their reason.

    So are those of an answer that fits its model and that we cannot calculate with all the same: then nothing is known.
    """
    try:
        yield
    except (NotBootstrapped, Refused, Gone) as error:
        raise Transient(error.message, reason=error.reason) from error
    except (ArithmeticError, ValueError, RecursionError) as error:
        logger.exception("an answer of PD could not be understood")
        text = f"an answer of PD could not be understood: {shown(redacted(str(error)), MAX_TEXT)}"
        raise Unreachable(text, reason="BadAnswer") from error
