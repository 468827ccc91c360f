"""The operator's own metrics, named after controller-runtime's. No object names as labels."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from watchkeeper.engine.queue import WorkQueue


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
        self.leading = Gauge("watchkeeper_leading", "1 while this replica leads.", registry=self.registry)

    def passed(self, kind: str, result: str, seconds: float) -> None:
        """One pass is over."""
        self._passes.labels(kind, result).inc()
        self._seconds.labels(kind).observe(seconds)
