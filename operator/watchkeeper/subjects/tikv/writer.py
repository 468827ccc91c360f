"""What sends: a connection to PD's leader that is open and checked, so that nothing but the request is awaited."""

from __future__ import annotations

from watchkeeper.api.v1alpha1.actionproposal import PlanStep
from watchkeeper.api.v1alpha1.standingchange import Change
from watchkeeper.errors import NotConnected, Refused
from watchkeeper.ports.driver import WriteAnswer, WriteContext
from watchkeeper.subjects.tikv.catalog import ACTIONS
from watchkeeper.subjects.tikv.pd.client import WRONG_CLUSTER, LeaderConnection
from watchkeeper.subjects.tikv.pd.routes import Write, stop_evicting_leaders
from watchkeeper.subjects.tikv.predicates import cluster_of
from watchkeeper.subjects.tikv.standing import store_of


class TiKVWriter:
    """Sends one write over one connection; implements `ports.driver.Writer`."""

    def __init__(self, connection: LeaderConnection) -> None:
        self._connection = connection

    async def execute(self, step: PlanStep, context: WriteContext) -> WriteAnswer:
        """Send the one request of the step. Raises as the port says."""
        action = ACTIONS.get(step.action)
        write = action.write(step) if action is not None else None
        if write is None:
            raise Refused(f"{step.action} sends nothing to the database by itself", reason="NothingToSend")
        if cluster_of(step) != self._connection.cluster_id:
            raise NotConnected(
                f"PD at {self._connection.endpoint} belongs to cluster {self._connection.cluster_id}, "
                f"the plan was made for {cluster_of(step) or 'no cluster'}",
                reason=WRONG_CLUSTER,
            )
        return await self._send(write, context)

    async def release(self, change: Change, context: WriteContext) -> WriteAnswer:
        """Take one store off the evict-leader list; the list itself belongs to everybody."""
        return await self._send(stop_evicting_leaders(store_of(change)), context)

    async def _send(self, write: Write, context: WriteContext) -> WriteAnswer:
        answer = await self._connection.send(write, context)
        text = "there was no such entry any more" if answer.status == 404 else answer.text()
        return WriteAnswer(status=answer.status, text=text)
