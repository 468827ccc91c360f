"""What the audit streams of all processes must say, whatever happened to the processes: invariants 5 and 8."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from tests.unit.engine.sinks import MemorySink
from watchkeeper.domain.audit.attempts import intent_id
from watchkeeper.domain.audit.record import RecordType
from watchkeeper.domain.audit.verify import verify


def intent_missing(sink: MemorySink, operation_key: str) -> bool:
    """Whether the stream of the process that sends now does not hold the intent of what it sends."""
    wanted = f'"id":"{intent_id(operation_key)}"'.encode()  # canonical JSON has no spaces
    return not any(wanted in line for line in sink.lines)


def wrong(sinks: Mapping[str, MemorySink], sent: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What is wrong when all has come to rest: number of the invariant, and a sentence.

    Args:
        sinks: the stream of every process that ever ran.
        sent: the operation keys of everything that was sent.
    """
    outcomes: dict[str, set[str]] = defaultdict(set)
    for name, sink in sinks.items():
        for finding in verify(sink.lines).findings if sink.lines else ():  # a process may die before it says anything
            if finding.error:
                yield "8", f"the stream of {name}, line {finding.line}: {finding.fault}: {finding.message}"
        for record in sink.of(RecordType.OUTCOME):
            outcomes[record["attempt"]["operationKey"]].add(record["outcome"])
    for key in sent:
        if len(outcomes[key]) != 1:
            yield "5", f"{key} was sent, and the streams tell {sorted(outcomes[key]) or 'no outcome'}"
