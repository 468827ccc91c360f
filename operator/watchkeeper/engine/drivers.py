"""The connected drivers: one per Subject, made anew when its spec changes, kept in memory with its credentials."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.errors import Invalid
from watchkeeper.ports.driver import SubjectDriver
from watchkeeper.ports.environment import Environment, SubjectPlugin


@dataclass(slots=True)
class _Connected:
    uid: str
    generation: int
    driver: SubjectDriver


class Drivers:
    """Drivers by Subject. Credentials outlive their Secret here: a release must still be possible while a namespace goes."""

    def __init__(self, plugins: Mapping[str, SubjectPlugin], environment: Environment) -> None:
        self._plugins = plugins
        self._environment = environment
        self._connected: dict[Key, _Connected] = {}
        self._locks: dict[Key, asyncio.Lock] = {}

    async def of(self, subject: Subject) -> SubjectDriver:
        """The driver of a Subject, connected when needed.

        Raises:
            Invalid: no plug-in for its type, or the connection makes no sense.
            Transient: its Secret cannot be read now.
        """
        key = subject.key
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = self._connected.get(key)
            meta = subject.metadata
            # Deleting counts the generation up, and the Secret may be gone by then; another uid is another cluster perhaps.
            same = known is not None and known.uid == meta.uid
            if known is not None and same and (known.generation == meta.generation or meta.deletion_timestamp):
                return known.driver
            driver = await self._plugin(subject).connect(subject, self._environment)
            self._connected[key] = _Connected(subject.metadata.uid, subject.metadata.generation, driver)
            if known is not None:
                await known.driver.close()
            return driver

    def _plugin(self, subject: Subject) -> SubjectPlugin:
        plugin = self._plugins.get(subject.spec.type)
        if plugin is None:
            known = ", ".join(sorted(self._plugins))
            raise Invalid([f"spec.type: no plug-in for {subject.spec.type}; installed are {known}"])
        return plugin

    async def drop(self, key: Key) -> None:
        """The Subject is gone: let go of its connections."""
        known = self._connected.pop(key, None)
        self._locks.pop(key, None)
        if known is not None:
            await known.driver.close()

    async def close(self) -> None:
        """Let go of all connections."""
        for key in list(self._connected):
            await self.drop(key)
