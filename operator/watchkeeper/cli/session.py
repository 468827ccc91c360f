"""What a command gets: who asked for what, where to write, and the API server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from watchkeeper.cli.cluster import Cluster
from watchkeeper.cli.options import Globals
from watchkeeper.cli.screen import Screen


@dataclass(frozen=True, slots=True)
class Session:
    """One run of one command.

    Attributes:
        given: the options that every command has.
        screen: where to write.
        program: as it was called, for commands to type next: `watchkeeper` or `kubectl watchkeeper`.
        assumed: namespaces that nobody typed: they are those of the kubeconfig's context.
    """

    given: Globals
    screen: Screen
    program: str
    assumed: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def cluster(self) -> AsyncIterator[Cluster]:
        """Connect as the user of the kubeconfig.

        Raises:
            Invalid: there is none, or it makes no sense.
        """
        # not at the top: loading the client library is two thirds of the start, also for --help and completion
        from watchkeeper.adapters.kubernetes.connection import Connection, ConnectionSettings
        from watchkeeper.adapters.kubernetes.credentials import for_a_person

        settings = ConnectionSettings(user_agent="kubectl-watchkeeper")
        async with await Connection.open(
            for_a_person(self.given.kubeconfig), settings, context=self.given.context
        ) as connection:
            yield Cluster(connection)

    def namespace(self, cluster: Cluster) -> str:
        """The one given, else the one of the kubeconfig's context."""
        if self.given.namespace:
            return self.given.namespace
        self.assumed.append(cluster.server.namespace)
        return cluster.server.namespace

    def command(self, *words: str, namespace: str | None = None) -> str:
        """A command to type next; with the namespace where one was given or differs."""
        where = namespace or self.given.namespace
        return " ".join((self.program, *words, *(("-n", where) if where else ())))
