"""What a check of a stream finds: each kind of damage, at the record that was damaged."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.domain.audit.chain import GENESIS, Chain, Head, hash_of
from watchkeeper.domain.audit.checkpoint import MAX_CHAINS, SigningKey, checked, new_key, public_key
from watchkeeper.domain.audit.finding import Fault
from watchkeeper.domain.audit.record import Actor, ActorKind, Fact, RecordType
from watchkeeper.domain.audit.verify import verify
from watchkeeper.errors import Invalid

NOW = datetime(2026, 11, 21, 8, 0, 0, 123456, tzinfo=UTC)
OPERATOR = Actor(ActorKind.OPERATOR, "watchkeeper", "op-1")


def fact(number: int, *, kind: RecordType = RecordType.PHASE_CHANGED, chain: str = "a", **body: Any) -> Fact:
    return Fact(f"{chain}/{number}", kind, NOW + timedelta(seconds=number), OPERATOR, {"name": "p"}, body)


def stream(count: int, chain: str = "a", previous: Head | None = None, *, at: int = 0) -> tuple[list[bytes], Head]:
    """A chain with so many records, its start among them; recorded so many hours later."""
    made, recorded = Chain(chain), NOW + timedelta(hours=at)
    body = {"previousChain": previous.wire() if previous else None}
    lines = [made.seal(fact(0, kind=RecordType.CHAIN_STARTED, chain=chain, **body), recorded)]
    lines += [made.seal(fact(n, chain=chain, reason=f"R{n}"), recorded) for n in range(1, count)]
    return lines, made.head


def damaged(line: bytes, **changes: Any) -> bytes:
    return rfc8785.dumps({**json.loads(line), **changes}) + b"\n"


def errors(lines: list[bytes], *checkpoints: Any) -> list[tuple[Fault, int]]:
    """Without the one that the newest chain has no checkpoint, which is tested by itself."""
    found = verify(lines, checkpoints or None).findings
    return [(f.fault, f.line) for f in found if f.error and f.fault is not Fault.CHECKPOINT]


def test_a_whole_stream_is_good() -> None:
    lines, head = stream(5)
    report = verify(lines)
    assert report.good
    assert report.records == 5
    assert report.chains == {"a": head}
    first = json.loads(lines[0])
    assert (first["seq"], first["previous"], first["recordedTime"]) == (1, GENESIS, "2026-11-21T08:00:00.123Z")
    assert first["hash"] == hash_of(first)


@pytest.mark.parametrize("number", range(1, 6))
def test_an_altered_record_is_named(number: int) -> None:
    lines, _ = stream(5)
    lines[number - 1] = damaged(lines[number - 1], reason="Forged")
    report = verify(lines)
    assert (Fault.ALTERED, number) in [(f.fault, f.line) for f in report.findings]
    assert f"record {number} of chain a" in report.findings[0].message


def test_an_altered_record_with_its_hash_made_anew_is_named_by_the_next() -> None:
    lines, _ = stream(5)
    forged = {**json.loads(lines[2]), "reason": "Forged"}
    lines[2] = rfc8785.dumps({**forged, "hash": hash_of(forged)}) + b"\n"
    assert errors(lines) == [(Fault.ALTERED, 4)]


def test_a_removed_record_is_named() -> None:
    lines, _ = stream(5)
    del lines[2]
    report = verify(lines)
    assert errors(lines) == [(Fault.REMOVED, 3)]
    assert "record 3 is missing from chain a" in report.findings[0].message


def test_a_removed_beginning_is_found() -> None:
    assert errors(stream(5)[0][2:]) == [(Fault.HEADLESS, 1)]


def test_reordered_records_are_named() -> None:
    lines, _ = stream(5)
    lines[1], lines[3] = lines[3], lines[1]
    assert (Fault.REORDERED, 3) in errors(lines)
    assert (Fault.REORDERED, 4) in errors(lines)


def test_an_inserted_record_is_found() -> None:
    lines, _ = stream(4)
    other = Chain("a")
    line = [other.seal(fact(number, reason="inserted"), NOW) for number in range(3)][-1]
    assert (Fault.FORKED, 4) in errors([*lines[:3], line, lines[3]])


def test_a_repeated_line_and_a_repeated_id_are_no_errors() -> None:
    lines, head = stream(3)
    second = Chain("b")
    again = [
        second.seal(fact(0, kind=RecordType.CHAIN_STARTED, chain="b", previousChain=head.wire()), NOW),
        second.seal(fact(2, chain="a", reason="R2"), NOW),
    ]
    report = verify([*lines, lines[2], *again])
    assert report.good
    assert (report.records, report.repeated) == (5, 2)


def test_a_cut_line_is_only_told() -> None:
    lines, _ = stream(3)
    report = verify([*lines[:2], lines[2][:40] + b"\n", lines[2], b"\n"])
    assert report.good
    assert [(f.fault, f.line) for f in report.findings] == [(Fault.UNREADABLE, 3)]


def test_a_record_made_unreadable_is_missed() -> None:
    lines, _ = stream(3)
    assert errors([lines[0], b"{}\n", lines[2]]) == [(Fault.REMOVED, 3)]


def test_a_cut_end_is_found_by_the_next_chain() -> None:
    lines, head = stream(5)
    after, _ = stream(2, "b", head)
    assert errors([*lines, *after]) == []
    assert errors([*lines[:-1], *after]) == [(Fault.TRUNCATED, 5)]
    assert errors(after) == []  # the older file is not there, which is told
    assert [f.fault for f in verify(after).findings] == [Fault.CHAIN_MISSING]


def test_a_chain_that_is_gone_from_between_two_is_found() -> None:
    first, head = stream(3)
    second, head2 = stream(3, "b", head)
    third, _ = stream(3, "c", head2)
    assert errors([*first, *second, *third]) == []
    assert errors([*first, *third]) == [(Fault.CHAIN_MISSING, 4)]


def test_two_chains_may_be_mixed_in_one_file() -> None:
    one, _ = stream(4)
    other, _ = stream(4, "b")
    mixed = [line for pair in zip(one, other, strict=True) for line in pair]
    assert verify(mixed).good


PRIVATE, PUBLIC = new_key()
KEY = SigningKey(PRIVATE)


def signed(head: Head, at: datetime = NOW) -> dict[str, Any]:
    return KEY.sign(head, now=at, complete=at)


def test_truncation_is_found_by_the_checkpoint() -> None:
    lines, head = stream(5)
    checkpoint = checked(signed(head), [public_key(PUBLIC)])
    assert verify(lines, [checkpoint]).good
    assert verify(lines, [checkpoint]).checkpoints == 1
    report = verify(lines[:3], [checkpoint])
    assert [(f.fault, f.line) for f in report.findings] == [(Fault.TRUNCATED, 3)]
    assert "ends at record 3" in report.findings[0].message


def test_a_chain_rewritten_from_the_start_is_found_by_the_checkpoint() -> None:
    _, head = stream(5)
    forged = Chain("a")
    kinds = itertools.chain([RecordType.CHAIN_STARTED], itertools.repeat(RecordType.PHASE_CHANGED))
    lines = [forged.seal(fact(n, kind=kind, reason="F"), NOW) for n, kind in zip(range(5), kinds, strict=False)]
    assert verify(lines).good
    assert errors(lines, checked(signed(head), [public_key(PUBLIC)])) == [(Fault.ALTERED, 5)]


def test_a_whole_chain_that_is_gone_is_found_by_its_checkpoint() -> None:
    lines, _ = stream(3)
    later = checked(signed(Head("z", 3, GENESIS), NOW + timedelta(hours=1)), [public_key(PUBLIC)])
    earlier = checked(signed(Head("z", 3, GENESIS), NOW - timedelta(hours=1)), [public_key(PUBLIC)])
    assert errors(lines, later) == [(Fault.CHAIN_MISSING, 0)]
    assert errors(lines, earlier) == []


def sure(*heads: Head) -> list[Any]:
    return [checked(signed(head), [public_key(PUBLIC)]) for head in heads]


def found(lines: list[bytes], *heads: Head) -> list[tuple[Fault, int, bool]]:
    return [(f.fault, f.line, f.error) for f in verify(lines, sure(*heads)).findings]


def test_a_chain_that_somebody_put_there_is_found() -> None:
    """A hash chain needs no key: only what a checkpoint leads to is believed."""
    lines, head = stream(3)
    later, newest = stream(3, "b", head, at=1)
    forged, _ = stream(4, "forged")
    assert found([*lines, *later], newest) == []
    assert found([*lines, *forged, *later], newest) == [(Fault.UNVOUCHED, 4, True)]
    assert found([*forged, *lines, *later], newest) == [(Fault.UNVOUCHED, 1, True)]
    forged, _ = stream(4, "forged", head)  # naming a real chain makes it no better
    assert found([*lines, *forged, *later], newest) == [(Fault.UNVOUCHED, 4, True)]


def test_records_that_were_added_to_an_old_chain_are_told() -> None:
    """They may be the last words of a process that was killed, or of somebody else."""
    whole, _ = stream(5)
    later, newest = stream(3, "b", stream(3)[1], at=1)
    assert found([*whole, *later], newest) == [(Fault.UNVOUCHED, 4, False)]
    assert (
        "records 4 to 5 of chain a come after its last checkpoint"
        in verify([*whole, *later], sure(newest)).findings[0].message
    )


def test_what_came_after_the_last_checkpoint_is_told() -> None:
    lines, _ = stream(3)
    assert found([*lines, *stream(4)[0][3:]], stream(3)[1]) == [(Fault.UNVOUCHED, 4, False)]


def test_a_forged_head_speaks_for_nothing() -> None:
    """A checkpoint of a record that was altered meanwhile does not lead on to the chain before."""
    lines, head = stream(3)
    later, newest = stream(2, "b", head, at=1)
    later[0] = damaged(later[0], previousChain=None)
    assert found([*lines, *later], newest) == [(Fault.UNVOUCHED, 1, True), (Fault.ALTERED, 4, True)]


def test_a_chain_that_was_rewritten_leads_to_no_other() -> None:
    """Its hashes are right, but not those that were signed: what its first record names is not spoken for."""
    lines, head = stream(3)
    _, newest = stream(3, "b", head, at=1)
    forged, other = stream(2, "forged")
    rewritten, _ = stream(3, "b", other, at=1)
    assert (Fault.UNVOUCHED, 4, True) in found([*lines, *forged, *rewritten], newest)


def test_a_process_that_was_killed_at_its_start_is_no_error() -> None:
    lines, head = stream(3)
    killed, _ = stream(1, "killed")
    later, newest = stream(3, "b", head, at=1)
    assert found([*lines, *killed, *later], newest) == [(Fault.UNVOUCHED, 4, False)]
    alone = Chain("alone").seal(fact(1, chain="alone"), NOW)  # one record that is no start says something
    assert (Fault.UNVOUCHED, 4, True) in found([*lines, alone, *later], newest)


def test_checkpoints_that_were_forgotten_are_no_error() -> None:
    """64 are kept: an old chain of another replica's file may have lost its own."""
    old, _ = stream(3, "old")
    many = [stream(2, f"c{number}", at=1 + number) for number in range(MAX_CHAINS)]
    lines = [*old, *(line for one, _ in many for line in one)]
    later = [checked(signed(head, NOW + timedelta(days=1)), [public_key(PUBLIC)]) for _, head in many]
    assert [(f.line, f.error) for f in verify(lines, later).findings if f.fault is Fault.UNVOUCHED] == [(1, False)]
    assert not verify(lines, later[1:]).good


@pytest.mark.parametrize(
    "change",
    [{"seq": 4, "count": 4}, {"hash": GENESIS}, {"time": "2027-01-01T00:00:00.000Z"}, {"signature": ""}, {"count": 1}],
)
def test_a_forged_checkpoint_is_not_believed(change: dict[str, Any]) -> None:
    _, head = stream(5)
    raw = signed(head)
    assert checked(raw, [public_key(PUBLIC)]).head == head
    with pytest.raises(Invalid):
        checked({**raw, **change}, [public_key(PUBLIC)])


def test_a_checkpoint_of_another_key_is_not_believed() -> None:
    with pytest.raises(Invalid, match="whose public key was not given"):
        checked(signed(stream(2)[1]), [public_key(new_key()[1])])


@pytest.mark.parametrize("pem", [b"", b"secret-canary", PUBLIC])
def test_what_is_no_private_key_is_refused_and_not_quoted(pem: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        SigningKey(pem)
    assert "canary" not in refused.value.message


def test_a_field_that_is_there_twice_is_no_record() -> None:
    lines, _ = stream(3)
    lines[1] = lines[1].replace(b'"reason":', b'"reason":"Harmless","reason":')
    assert errors(lines) == [(Fault.REMOVED, 3)]


@given(st.lists(st.binary(max_size=200), max_size=20), st.randoms())
def test_no_input_makes_it_fail(noise: list[bytes], random: Any) -> None:
    lines = [*stream(3)[0], *noise]
    random.shuffle(lines)
    verify(lines)


def test_damage_of_every_byte_is_noticed() -> None:
    """Every byte of a stream of three records changed to another one: how many are noticed."""
    lines, head = stream(3)
    checkpoint = checked(signed(head), [public_key(PUBLIC)])
    data = b"".join(lines).rstrip()
    missed = 0
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x01
        missed += verify(bytes(changed).splitlines(), [checkpoint]).good
    print(f"bytes changed: {len(data)}, not noticed: {missed}")
    assert missed == 0
