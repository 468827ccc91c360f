"""A bare Kopf operator, as a process of its own: each object gets four status writes, one after the other, nothing else."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import kopf

from watchkeeper.handlers.operator import settings

GROUP, VERSION, PLURAL, KIND = "bench.watchkeeper.dev", "v1", "benchobjects", "BenchObject"
WRITES = 4


async def _step(body: kopf.Body, patch: kopf.Patch, **_: Any) -> None:
    done = int(body.get("status", {}).get("step", 0))
    if done < WRITES:
        patch.status["step"] = done + 1


def main() -> int:
    """Run until SIGTERM; credentials from KUBECONFIG."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(kopf.login_with_kubeconfig)
    kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)(_step)
    asyncio.run(kopf.operator(registry=registry, settings=settings(), standalone=True, clusterwide=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
