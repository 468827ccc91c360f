"""The record of a region's last operator.

A text such as `status: RUNNING, operator: admin-transfer-leader {transfer leader: store 3 to 1} (kind:…, createAt:…)`.

A hint, never proof: it is overwritten by the next operator on the region (surprise 2) and lost when PD's leader changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_RECORD = re.compile(
    r"^status: (?P<status>\w+), operator: (?P<desc>\S+) \{(?P<brief>[^}]*)\} \(.*?createAt:"
    r"(?P<created>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) (?P<zone>[+-]\d{4})"
)
_CURRENT = re.compile(r"currentStep:([0-9]{1,9})\b")


@dataclass(frozen=True, slots=True)
class OperatorRecord:
    """What PD tells of the last operator of a region; `brief` is such as `transfer leader: store 3 to 1`."""

    status: str
    desc: str
    brief: str
    created: datetime | None
    current_step: int
    text: str

    @property
    def running(self) -> bool:
        """Whether it still works. A record that cannot be read counts as running: somebody is at this region."""
        return self.status in ("RUNNING", "")

    def is_transfer_leader(self, to_store: int) -> bool:
        """Whether it is a hand-made transfer of the leader to that store."""
        return self.desc == "admin-transfer-leader" and self.brief.endswith(f" to {to_store}")

    def is_transfer_peer(self, from_store: int, to_store: int) -> bool:
        """Whether it is a hand-made move of a peer between these stores."""
        return self.desc == "admin-move-peer" and self.brief == f"mv peer: store [{from_store}] to [{to_store}]"


def parse(text: str) -> OperatorRecord:
    """The record; where the text is not as expected, its fields are empty."""
    match = _RECORD.match(text)
    step = _CURRENT.search(text)
    current = int(step[1]) if step else 0
    created = _moment(match["created"], match["zone"]) if match is not None else None
    if match is None or created is None:
        return OperatorRecord(status="", desc="", brief="", created=None, current_step=current, text=text)
    return OperatorRecord(
        status=match["status"],
        desc=match["desc"],
        brief=match["brief"],
        created=created,
        current_step=current,
        text=text,
    )


def _moment(text: str, zone: str) -> datetime | None:
    """None where there is no such day or hour."""
    whole, _, fraction = text.partition(".")
    try:
        moment = datetime.strptime(f"{whole} {zone}", "%Y-%m-%d %H:%M:%S %z")
        return moment.replace(microsecond=int(f"{fraction:0<6}"[:6]) if fraction else 0).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
