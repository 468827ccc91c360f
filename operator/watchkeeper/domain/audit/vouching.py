"""What something signed speaks for. A hash chain can be made by anybody; only a checkpoint needs the key.

A checkpoint speaks for its chain up to its head, and the first record of that chain for the one before, up to the head that
it names. What nothing speaks for may be true (a process that was killed), or somebody put it there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchkeeper.domain.audit.chain import Head
from watchkeeper.domain.audit.checkpoint import MAX_CHAINS, Checkpoint
from watchkeeper.domain.audit.finding import Entry, Fault, Finding

Chains = Mapping[str, Mapping[int, Entry]]


def vouched(chains: Chains, checkpoints: Sequence[Checkpoint]) -> dict[str, int]:
    """Up to which record each chain is spoken for; chains that are not at all are left out."""
    reach: dict[str, int] = {}
    heads = [checkpoint.head for checkpoint in checkpoints]
    while heads:
        head = heads.pop()
        chain = chains.get(head.chain, {})
        if not _is(chain.get(head.seq), head) or head.seq <= reach.get(head.chain, 0):
            continue
        first = chain.get(1)
        if head.chain not in reach and first is not None and first.named is not None:
            heads.append(first.named)
        reach[head.chain] = head.seq
    return reach


def unvouched(chains: Chains, checkpoints: Sequence[Checkpoint], newest: str | None) -> list[Finding]:
    """What nothing speaks for: whole chains, which are errors but for two cases, and what follows the last head of others.

    Args:
        chains: of the stream.
        checkpoints: with a good signature.
        newest: that this one has no checkpoint is another finding.
    """
    reach = vouched(chains, checkpoints)
    oldest = min((checkpoint.time for checkpoint in checkpoints), default="")
    found: list[Finding] = []
    for name, chain in chains.items():
        end, said = max(chain), reach.get(name, 0)
        if said == 0 and name != newest:
            forgotten = len(checkpoints) >= MAX_CHAINS and chain[end].recorded < oldest
            began = len(chain) == 1 and chain[end].starts  # killed before its first checkpoint, it says nothing else
            found.append(_whole(name, chain, error=not (forgotten or began)))
        elif 0 < said < end:
            found.append(_rest(name, chain, said, end))
    return found


def _is(entry: Entry | None, head: Head) -> bool:
    return entry is not None and entry.hash == entry.content == head.hash


def _whole(name: str, chain: Mapping[int, Entry], *, error: bool) -> Finding:
    text = (
        f"nothing signed speaks for chain {name} ({len(chain)} records): no checkpoint, and no later chain names it; "
        "somebody without the key can have put it there"
    )
    return Finding(Fault.UNVOUCHED, chain[min(chain)].line, text, error=error)


def _rest(name: str, chain: Mapping[int, Entry], said: int, end: int) -> Finding:
    which = (
        f"record {end} of chain {name} comes"
        if end == said + 1
        else f"records {said + 1} to {end} of chain {name} come"
    )
    after = min(seq for seq in chain if seq > said)
    text = f"{which} after its last checkpoint: nothing signed speaks for that yet"
    return Finding(Fault.UNVOUCHED, chain[after].line, text, error=False)
