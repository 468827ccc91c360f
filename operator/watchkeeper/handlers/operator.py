"""How Kopf is set up: state-free, without annotations, peering or its own events."""

from __future__ import annotations

import random
from collections.abc import Iterator

import kopf

from watchkeeper.api.v1alpha1.meta import GROUP


class EndlessBackoff:
    """Pauses without end: Kopf drops the work when its list of retries runs out. Iterable again and again."""

    def __init__(self, initial: float = 0.5, ceiling: float = 30.0) -> None:
        self._initial = initial
        self._ceiling = ceiling

    def __iter__(self) -> Iterator[float]:
        """Doubling pauses with jitter, in seconds."""
        pause = self._initial
        while True:
            yield pause * random.uniform(0.8, 1.2)
            pause = min(self._ceiling, pause * 2)


def settings() -> kopf.OperatorSettings:
    """Kopf's settings; each differs from its default for the reason given."""
    chosen = kopf.OperatorSettings()
    chosen.networking.error_backoffs = EndlessBackoff()  # a finite list loses work when it runs out
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 5
    chosen.networking.enforce_retry_after = True
    chosen.watching.connect_timeout = 5
    chosen.watching.server_timeout = 300
    chosen.watching.chunk_size = 500
    chosen.posting.enabled = False  # our own recorder writes events.k8s.io/v1
    chosen.scanning.disabled = True  # no watching of namespaces and CRDs: less RBAC, no stall at the start
    chosen.peering.standalone = True  # a foreign peering object must not pause us
    chosen.persistence.finalizer = f"{GROUP}/kopf-unused"
    chosen.process.ultimate_exiting_timeout = 20
    return chosen
