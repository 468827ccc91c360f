"""The operator's own metrics, named after controller-runtime's. No object names as labels."""

from __future__ import annotations

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from watchkeeper.engine.audit.trail import AuditTrail
from watchkeeper.engine.queue import WorkQueue
from watchkeeper.ports.guards import Guards


class OperatorMetrics:
    """Counters of passes and the state of the queue."""

    def __init__(self, queue: WorkQueue) -> None:
        self.registry = CollectorRegistry()
        self._passes = Counter(
            "watchkeeper_reconcile", "Passes by kind and result.", ["kind", "result"], registry=self.registry
        )
        self._seconds = Histogram(
            "watchkeeper_reconcile_duration_seconds", "Duration of passes.", ["kind"], registry=self.registry
        )
        depth = Gauge("watchkeeper_workqueue_depth", "Keys that are ready.", registry=self.registry)
        depth.set_function(lambda: queue.depth)
        oldest = Gauge("watchkeeper_workqueue_oldest_seconds", "Age of the oldest ready key.", registry=self.registry)
        oldest.set_function(queue.oldest_seconds)
        self._guard = Gauge(
            "watchkeeper_guard_active",
            "1 while the admission policies stand as shipped; on a stand-by, which does not look, 0.",
            registry=self.registry,
        )
        self.leading = Gauge("watchkeeper_leading", "1 while this replica leads.", registry=self.registry)

        self._sink_up = Gauge(
            "watchkeeper_audit_sink_up", "1 while the sink takes audit records.", ["sink"], registry=self.registry
        )
        self._audit_records = Gauge(
            "watchkeeper_audit_records", "Audit records of this process that every sink has.", registry=self.registry
        )
        self._audit_waiting = Gauge(
            "watchkeeper_audit_waiting", "Audit records that some sink has not taken yet.", registry=self.registry
        )
        self._checkpoints_up = Gauge(
            "watchkeeper_audit_checkpoints_up", "1 while signed checkpoints can be written.", registry=self.registry
        )

    def audit(self, trail: AuditTrail) -> None:
        """Show how the audit of this process stands."""
        for sink in trail.journal.problems:
            self._sink_up.labels(sink).set_function(partial(_takes, trail, sink))
        self._audit_records.set_function(lambda: trail.journal.flushed)
        self._audit_waiting.set_function(lambda: trail.journal.waiting)
        self._checkpoints_up.set_function(lambda: trail.checkpoint_problem() is None)

    def lead(self, guards: Guards) -> None:
        """This replica leads from now on."""
        self.leading.set(1)
        self._guard.set_function(lambda: float(guards.known().active))

    def passed(self, kind: str, result: str, seconds: float) -> None:
        """One pass is over."""
        self._passes.labels(kind, result).inc()
        self._seconds.labels(kind).observe(seconds)


def _takes(trail: AuditTrail, sink: str) -> float:
    return float(trail.journal.problems[sink] is None)
