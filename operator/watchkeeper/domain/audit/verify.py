"""Checking a stream: is every record as it was written, in its place, and none missing.

What is found are `Finding`s with the line they are about. A stream may hold several chains, one after the other or mixed
(two processes into one file). A record may be there twice: byte for byte, when a sink failed in between, or with another
sequence number and the same `id`, when a process could not know that an earlier one had told it. Neither is an error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from watchkeeper.domain.audit.chain import GENESIS, Head, hash_of
from watchkeeper.domain.audit.checkpoint import Checkpoint
from watchkeeper.domain.audit.finding import Entry, Fault, Finding
from watchkeeper.domain.audit.record import FORMAT, RecordType
from watchkeeper.domain.audit.vouching import unvouched

MAX_LINE = 256 * 1024


@dataclass(slots=True)
class Report:
    """What was found."""

    records: int = 0
    """Different records, repetitions left out."""
    repeated: int = 0
    """Lines that repeat a record byte for byte, and records that tell again what an earlier process had told."""
    chains: dict[str, Head] = field(default_factory=dict)
    checkpoints: int = 0
    """Checkpoints with a good signature that were compared with the stream."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not any(finding.error for finding in self.findings)


def verify(lines: Iterable[bytes], checkpoints: Sequence[Checkpoint] | None = None) -> Report:
    """Check a stream against itself and against checkpoints whose signatures were found good.

    Args:
        lines: of one or more files, in the order in which they were written.
        checkpoints: see `checkpoint.checked`; None: there are none to compare with, so that a cut end cannot be seen.
    """
    report = Report()
    chains: dict[str, dict[int, Entry]] = {}
    last: dict[str, int] = {}
    ids: set[bytes] = set()
    for number, line in enumerate(lines, 1):
        found = _read(number, line, report)
        if found is not None and _place(found[0], chains, last, report):
            told = hashlib.sha256(found[1].encode(errors="replace")).digest()
            report.repeated += told in ids
            ids.add(told)
    if not chains:
        report.findings.append(Finding(Fault.TRUNCATED, 0, "there is no audit record in the input"))
    for name, chain in chains.items():
        _check_links(name, chain, report)
    _check_starts(chains, report)
    for checkpoint in checkpoints or ():
        _check_end(checkpoint, chains, report)
    if checkpoints is not None:
        newest = _newest(chains)
        _check_newest(newest, {checkpoint.head.chain for checkpoint in checkpoints}, report)
        report.findings += unvouched(chains, checkpoints, newest)
    report.records = sum(len(chain) for chain in chains.values())
    report.findings.sort(key=lambda finding: finding.line)
    return report


def _read(number: int, line: bytes, report: Report) -> tuple[Entry, str] | None:
    """The record in a line and its id; also one whose hash is wrong, where it still says what its place was."""
    text = line.strip()
    if not text:
        return None
    record = _parsed(text)
    if record is None:
        message = "no audit record: a line that was cut off, or an altered one"
        report.findings.append(Finding(Fault.UNREADABLE, number, message, error=False))
        return None
    try:
        content = hash_of(record)
    except (ValueError, RecursionError):
        content = ""
    if content != record["hash"]:
        text_of = f"record {record['seq']} of chain {record['chain']} ({record['id']}) was altered"
        report.findings.append(Finding(Fault.ALTERED, number, f"{text_of}: its hash is not that of its content"))
    starts = record["type"] == RecordType.CHAIN_STARTED
    entry = Entry(
        line=number,
        chain=record["chain"],
        seq=record["seq"],
        hash=record["hash"],
        content=content,
        previous=record["previous"],
        recorded=str(record.get("recordedTime", "")),
        starts=starts,
        named=_named(record) if starts else None,
    )
    return entry, record["id"]


def _named(record: Mapping[str, Any]) -> Head | None:
    named = record.get("previousChain")
    if not isinstance(named, dict):
        return None
    seq = named.get("seq")
    return Head(str(named.get("chain")), seq if type(seq) is int else 0, str(named.get("hash")))


def _parsed(text: bytes) -> Mapping[str, Any] | None:
    if len(text) > MAX_LINE:
        return None
    try:
        record = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("schema") != FORMAT:
        return None
    texts = ("chain", "hash", "previous", "id", "type")
    sound = all(isinstance(record.get(name), str) for name in texts) and type(record.get("seq")) is int
    return record if sound else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A field that is there twice could show a reader one value and the hash another."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found


def _place(entry: Entry, chains: dict[str, dict[int, Entry]], last: dict[str, int], report: Report) -> bool:
    """Put a record into its chain; whether it is a new one."""
    name = entry.chain
    chain = chains.setdefault(name, {})
    known = chain.get(entry.seq)
    if known is not None:
        if (known.hash, known.content) == (entry.hash, entry.content):
            report.repeated += 1
        else:
            text = f"record {entry.seq} of chain {name} is there twice, with another content in line {known.line}"
            report.findings.append(Finding(Fault.FORKED, entry.line, text))
        return False
    if entry.seq < last.get(name, 0):
        text = f"record {entry.seq} of chain {name} stands after record {last[name]}"
        report.findings.append(Finding(Fault.REORDERED, entry.line, text))
    last[name] = max(entry.seq, last.get(name, 0))
    chain[entry.seq] = entry
    return True


def _check_links(name: str, chain: Mapping[int, Entry], report: Report) -> None:
    """Every record names the one before it; what is missing is named by its number."""
    before: Entry | None = None
    for seq in sorted(chain):
        entry = chain[seq]
        expected = before.hash if before is not None else GENESIS
        if before is None and seq != 1:
            text = f"chain {name} begins with record {seq}: records 1 to {seq - 1} are missing"
            report.findings.append(Finding(Fault.HEADLESS, entry.line, text))
        elif before is not None and seq != before.seq + 1:
            which = f"record {seq - 1} is" if seq == before.seq + 2 else f"records {before.seq + 1} to {seq - 1} are"
            text = f"{which} missing from chain {name}, before this line"
            report.findings.append(Finding(Fault.REMOVED, entry.line, text))
        elif entry.previous != expected:
            text = f"record {seq} of chain {name} does not follow the record that stands before it"
            report.findings.append(Finding(Fault.ALTERED, entry.line, text))
        before = entry
    if before is not None:
        report.chains[name] = Head(name, before.seq, before.hash)


def _check_starts(chains: Mapping[str, Mapping[int, Entry]], report: Report) -> None:
    """A chain's first record names the head of the chain before it."""
    for chain in chains.values():
        first = chain.get(1)
        if first is None:
            continue
        if not first.starts:
            text = f"chain {first.chain} does not begin with a record {RecordType.CHAIN_STARTED}"
            report.findings.append(Finding(Fault.HEADLESS, first.line, text))
        elif first.named is not None:
            _check_head(first.named, first.line, chains, report)


def _check_head(named: Head, line: int, chains: Mapping[str, Mapping[int, Entry]], report: Report) -> None:
    chain = chains.get(named.chain)
    where = f"record {named.seq} of chain {named.chain}"
    if chain is None:
        text = f"the chain before this one is not in the stream: its head was {where}"
        report.findings.append(Finding(Fault.CHAIN_MISSING, line, text, error=line != _first_line(chains)))
        return
    entry = chain.get(named.seq)
    if entry is None:
        text = f"{where} was the head when this chain began, and is missing"
        report.findings.append(Finding(Fault.TRUNCATED, line, text))
    elif entry.hash != named.hash:
        text = f"{where} is not the record that this chain names as the head before it"
        report.findings.append(Finding(Fault.ALTERED, entry.line, text))


def _newest(chains: Mapping[str, Mapping[int, Entry]]) -> str | None:
    begins = {name: chain[min(chain)].recorded for name, chain in chains.items()}
    return max(begins, key=lambda name: begins[name], default=None)


def _check_newest(newest: str | None, signed: set[str], report: Report) -> None:
    """Checkpoints of old chains are forgotten, later chains name their heads; the newest chain must have one."""
    if newest is not None and newest not in signed:
        text = f"chain {newest}, the newest, has no checkpoint: whether its end was cut off cannot be said"
        report.findings.append(Finding(Fault.CHECKPOINT, 0, text))


def _first_line(chains: Mapping[str, Mapping[int, Entry]]) -> int:
    """Where the oldest chain begins: what came before it may lie in an older file."""
    return min((entry.line for chain in chains.values() for entry in chain.values()), default=0)


def _began(chains: Mapping[str, Mapping[int, Entry]]) -> str:
    """When the oldest record was made; RFC 3339 in UTC, which sorts as text."""
    return min((entry.recorded for chain in chains.values() for entry in chain.values()), default="")


def _check_end(checkpoint: Checkpoint, chains: Mapping[str, Mapping[int, Entry]], report: Report) -> None:
    head = checkpoint.head
    chain = chains.get(head.chain)
    if chain is None:
        text = f"chain {head.chain} is not in the stream; its checkpoint of {checkpoint.time} has {head.seq} records"
        report.findings.append(Finding(Fault.CHAIN_MISSING, 0, text, error=_began(chains) <= checkpoint.time))
        return
    report.checkpoints += 1
    entry = chain.get(head.seq)
    if entry is None:
        end = max(chain)
        text = (
            f"chain {head.chain} ends at record {end}; its checkpoint of {checkpoint.time} says that record {head.seq} "
            "was there"
        )
        report.findings.append(Finding(Fault.TRUNCATED, chain[end].line, text))
    elif entry.hash != head.hash:
        text = f"record {head.seq} of chain {head.chain} is not the one that was signed on {checkpoint.time}"
        report.findings.append(Finding(Fault.ALTERED, entry.line, text))
