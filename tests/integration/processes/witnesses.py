"""Three witnesses joined: the API server's audit log, our audit stream, and what reached PD (its query carries the attempt).

None of them can be written by who writes another: the API server's log not by the operator, PD's not by either.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from watchkeeper.simulator.requestlog import Request

ONCE = ("Intended", "Outcome")
ROBOT = "system:serviceaccount:"


@dataclass(slots=True)
class Joined:
    """What the three say together."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ApiWitness:
    """What the API server says: who approved what and when, and when the operator wrote an intent."""

    approvals: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    """By uid of the proposal: who, and when (seconds since 1970, this machine's clock)."""
    intents: dict[str, float] = field(default_factory=dict)
    """By operation key: when the status write that holds the intent was answered."""
    owners: dict[str, str] = field(default_factory=dict)
    """uid of a StandingChange -> uid of the proposal that it was made for."""


def from_api_log(entries: Iterable[Mapping[str, Any]], operator: str) -> ApiWitness:
    """Of accepted writes to our kinds; `operator` is the only user whose status writes count."""
    said = ApiWitness()
    for entry in entries:
        code = (entry.get("responseStatus") or {}).get("code", 0)
        answer = entry.get("responseObject") or {}
        if entry.get("stage") != "ResponseComplete" or not 200 <= code < 300 or "uid" not in answer.get("metadata", {}):
            continue
        user, when = entry["user"]["username"], datetime.fromisoformat(entry["stageTimestamp"]).timestamp()
        uid, target = answer["metadata"]["uid"], entry["objectRef"]
        if target["resource"] == "actionproposals" and not target.get("subresource") and entry["verb"] == "patch":
            given = {a["by"] for a in answer["spec"].get("approvals", []) if a["decision"] == "Approved"}
            known = {by for by, _ in said.approvals[uid]}
            if user in given - known and not user.startswith(ROBOT):
                said.approvals[uid].append((user, when))
        if target.get("subresource") == "status" and user == operator:
            status = answer.get("status") or {}
            for attempt in (*status.get("attempts", ()), *status.get("releases", ())):
                said.intents.setdefault(attempt["operationKey"], when)
        if target["resource"] == "standingchanges" and user == operator and "owner" in answer.get("spec", {}):
            said.owners[uid] = answer["spec"]["owner"]["uid"]
    return said


def join(api: ApiWitness, stream: Sequence[Mapping[str, Any]], writes: Sequence[Request]) -> Joined:
    """Every write has its approvals by people, exactly one intent before it and one outcome after it; and nothing else was sent."""
    joined = Joined()
    told: dict[str, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for record in _without_repetitions(stream):
        if "attempt" in record:
            told[record["attempt"]["operationKey"]][record["type"]].append(record)
    for write in writes:
        joined.counts["writes at PD"] += 1
        _join_one(write, api, told.get(write.attempt, {}), joined)
    arrived = {write.attempt for write in writes}
    for key, records in told.items():
        if "Sent" in records and "request" in records["Sent"][0] and key not in arrived and not _lost(records):
            joined.problems.append(f"{key}: the stream says that it was sent, PD never got it")
        if "Intended" not in records:
            joined.problems.append(f"{key}: told of without an intent")
        if not {"Outcome", "NotSent"} & set(records):
            joined.problems.append(f"{key}: intended, and no outcome")
    return joined


def _without_repetitions(stream: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """What a later process told again, in another chain, is one record; twice in one chain it is two."""
    first: dict[str, str] = {}
    for record in stream:
        if first.setdefault(record["id"], record["chain"]) == record["chain"]:
            yield record


def _lost(records: Mapping[str, Sequence[Mapping[str, Any]]]) -> bool:
    return bool(records["Sent"][0]["answer"]["status"] == 0)


def _join_one(write: Request, api: ApiWitness, told: Mapping[str, Sequence[Mapping[str, Any]]], joined: Joined) -> None:
    key = write.attempt
    for kind in ONCE:
        joined.counts[f"{kind} in the stream"] += len(told.get(kind, ()))
        if len(told.get(kind, ())) != 1:
            joined.problems.append(f"{key}: {len(told.get(kind, ()))} records {kind} instead of one")
    if key not in api.intents:
        joined.problems.append(f"{key}: the API server never saw its intent")
    _join_approvals(key, api, told, joined)
    if any(not told.get(kind) for kind in ONCE):
        return
    intent, outcome = told["Intended"][0], told["Outcome"][0]
    if intent["chain"] == outcome["chain"] and intent["seq"] > outcome["seq"]:
        joined.problems.append(f"{key}: its outcome stands before its intent")
    for sent in told.get("Sent", ()):
        joined.counts["Sent in the stream"] += 1
        if sent["seq"] < intent["seq"] and sent["chain"] == intent["chain"]:
            joined.problems.append(f"{key}: sent before its intent")
        request = sent["request"]
        seen = (write.method, write.path, write.query)
        if (request["method"], request["path"], request["query"]) != seen or request.get("body", "") != write.body:
            joined.problems.append(f"{key}: the stream says {request}, PD got {seen} {write.body}")


def _join_approvals(key: str, api: ApiWitness, told: Mapping[str, Sequence[Mapping[str, Any]]], joined: Joined) -> None:
    """People approved the proposal, or the one that a release belongs to, before the intent; the stream names the same."""
    uid = key.split("/")[0]
    intent = next(iter(told.get("Intended", ())), None)
    proposal = api.owners.get(uid, uid)
    before = api.intents.get(key, 0.0)
    people = {by for by, when in api.approvals.get(proposal, ()) if when <= before}
    joined.counts["approvals by people"] += len(people)
    required = intent["approval"]["required"] if intent is not None and "approval" in intent else 1
    if len(people) < required or not people:
        joined.problems.append(f"{key}: approved by {sorted(people)}, needed {required}")
    if intent is not None and "approvers" in intent and set(intent["approvers"]) != people:
        joined.problems.append(f"{key}: the stream names {intent['approvers']}, the API server saw {sorted(people)}")
