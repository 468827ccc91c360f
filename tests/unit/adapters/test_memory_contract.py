"""The object store over the API server in memory passes the contract that it passes on the real one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract_objects import ObjectStoreContract
from tests.memory_api import MemoryApi
from watchkeeper.adapters.kubernetes import paths
from watchkeeper.adapters.kubernetes.connection import MERGE_PATCH
from watchkeeper.adapters.kubernetes.objects import KubernetesObjects
from watchkeeper.api.v1alpha1.meta import Resource


class MemoryWorld:
    def __init__(self) -> None:
        self.api = MemoryApi(namespaces=("team",))
        self.store = KubernetesObjects(self.api)
        self.namespace = "team"

    async def delete(self, obj: Resource) -> None:
        await self.api.request("DELETE", paths.of_object(obj))

    async def raw(self, obj: Resource) -> dict[str, Any]:
        return await self.api.request("GET", paths.of_object(obj))

    async def touch(self, obj: Resource, status: dict[str, Any]) -> None:
        await self.api.request("PATCH", paths.of_object(obj, "status"), {"status": status}, content=MERGE_PATCH)

    async def writes(self) -> int:
        return self.api.writes


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


class TestMemoryApi(ObjectStoreContract):
    """Run the contract."""
