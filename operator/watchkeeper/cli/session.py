"""What a command gets: who asked for what, where to write, and the API server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.adapters.kubernetes.credentials import IN_CLUSTER, KUBECONFIG
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
    """

    given: Globals
    screen: Screen
    program: str

    @asynccontextmanager
    async def cluster(self) -> AsyncIterator[Cluster]:
        """Connect as the user of the kubeconfig.

        Raises:
            Invalid: there is none, or it makes no sense.
        """
        from watchkeeper.adapters.kubernetes.connection import Connection, ConnectionSettings  # half of the start-up

        settings = ConnectionSettings(user_agent="kubectl-watchkeeper")
        async with await Connection.open(self._kubeconfig(), settings, context=self.given.context) as connection:
            yield Cluster(connection)

    def namespace(self, cluster: Cluster) -> str:
        """The one given, else the one of the kubeconfig's context."""
        return self.given.namespace or cluster.server.namespace

    def command(self, *words: str, namespace: str | None = None) -> str:
        """A command to type next; with the namespace where one was given or differs."""
        where = namespace or self.given.namespace
        return " ".join((self.program, *words, *(("-n", where) if where else ())))

    def _kubeconfig(self) -> Path | None:
        """As kubectl: the file named, else $KUBECONFIG, else the one in the home folder unless this is a pod without it."""
        if self.given.kubeconfig is not None or os.environ.get(KUBECONFIG):
            return self.given.kubeconfig
        home = Path.home() / ".kube" / "config"
        return None if os.environ.get(IN_CLUSTER) and not home.exists() else home
