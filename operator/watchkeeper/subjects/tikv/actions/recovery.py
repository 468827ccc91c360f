"""After a crash: what the record of a region's operator proves about a write that may have been sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from watchkeeper.ports.driver import Recovery, RecoveryState
from watchkeeper.subjects.tikv.actions.action import Look
from watchkeeper.subjects.tikv.pd.operatorrecord import OperatorRecord

MEMORY = timedelta(minutes=9)
"""PD keeps a record for 10 minutes, in its leader's memory only (recordings, surprises 2 and 32)."""


def recover_operator(
    operator: OperatorRecord | None,
    *,
    ours: bool,
    look: Look,
    before: Mapping[str, Any],
    intent_time: datetime,
) -> Recovery:
    """Judge, where the effect itself is not there.

    Args:
        operator: the last one on the region, as PD remembers it.
        ours: it does what the step wants.
        look: who leads PD now, and the time.
        before: with the member that led PD before.
        intent_time: when the attempt was claimed.
    """
    since = operator is not None and operator.created is not None and operator.created >= intent_time
    if operator is not None and ours and since:
        if operator.running:
            return Recovery(RecoveryState.DONE, f"PD took it and works on it: {operator.desc} {{{operator.brief}}}")
        return Recovery(RecoveryState.ABSENT, f"PD took it and it ended as {operator.status} without its effect")
    if operator is not None and (operator.running or since):
        return Recovery(
            RecoveryState.UNCLEAR, f"another operator came to this region: {operator.desc or operator.text[:80]}"
        )
    if look.leader != before.get("pdLeader"):
        return Recovery(
            RecoveryState.UNCLEAR,
            f"PD's leader was {before.get('pdLeader')} and is {look.leader}: operators and their records are lost",
        )
    if operator is None and look.now - intent_time > MEMORY:
        return Recovery(RecoveryState.UNCLEAR, "it is so long ago that PD would have forgotten the operator")
    return Recovery(RecoveryState.ABSENT, "PD has taken no operator on this region since")
