"""The invariants, judged by what the ledger holds; rules are written anew here, not taken from the engine.

Numbers are those of the list in `docs/testing.md`. What a send is measured against is what could be read within its window:
from the pass's last read of the Subject (the claim read once more) to the send itself. That is the window which the
protocol has by its nature, since the gates are read one after the other; stops are read last, and held to that read.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from tests.memory_api import Raw
from tests.property.cluster import OTHERS
from tests.property.driver import DEFINITIONS
from tests.property.gate import Call
from tests.property.ledger import Decided, Ledger, Proposal, Send
from tests.property.stage import NAMESPACE, OPERATORS, Stage
from tests.property.stream import intent_missing, wrong
from watchkeeper.api.v1alpha1.meta import rfc3339

FORWARD = {
    "": {"", "Proposed", "Validated", "Failed", "Cancelled"},
    "Proposed": {"Proposed", "Validated", "Failed", "Cancelled"},
    "Validated": {"Validated", "Executing", "Completed", "Failed", "Cancelled"},
    "Executing": {"Executing", "Validated", "Completed", "Failed", "Cancelled"},
    "Completed": {"Completed"},
    "Failed": {"Failed"},
    "Cancelled": {"Cancelled"},
}
"""The moves of a phase; Executing to Validated is a retry, and every retry is gated anew."""
ENDED_STATES = {"Lost", "HandedOver", "Released", "Abandoned"}
SERVICE_ACCOUNT = "system:serviceaccount:"
ATTEMPT_SECONDS = 15.0
"""From the claim to the last moment at which its write may begin."""
PROVABLY_ABSENT = {"NotConnected", "NoLeader", "RateLimited", "Conflict"}
"""Reasons of an attempt that say: it was never taken. Absent does not: it may have been, and have come to nothing."""


def people(policy: Raw, risk: str) -> int:
    """People needed, as the reference says it."""
    approval = policy["spec"]["approval"]
    quorum = approval.get("quorum", {})
    match approval["mode"], risk:
        case ("Never", "High") | ("Always", "Low"):
            return 1
        case ("Never", _) | ("ByRisk", "Low"):
            return 0
        case (_, "Medium"):
            return int(quorum.get("medium", 1))
    return int(quorum.get("high", 2))


class Witness:
    """Collects what was broken; a rule must never raise inside an engine, which would swallow it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.ledger = Ledger(stage)
        self.broken: list[str] = []
        self.counts: Counter[str] = Counter()
        self.editing = False
        """Somebody edits a status by hand: what follows is measured from there."""
        self.ledger.on_taken = self._taken
        stage.on_begin.append(self._begun)
        stage.api.listeners.append(self._stored)

    def _say(self, number: str, text: str) -> None:
        self.broken.append(f"invariant {number}: {text} (event {self.stage.gate.sequence})")

    # --- a write begins

    def _begun(self, call: Call) -> None:
        if not call.name.startswith("writer."):
            return
        send = self.ledger.sent(call)
        self.counts["releases" if send.release else "writes"] += 1
        if len(self.ledger.sends[send.key]) > 1:
            self._say("2", f"{send.key} was sent twice")
        if intent_missing(self.stage.sinks[call.engine], send.key):
            self._say("5", f"{send.key} was sent before its intent was in the audit stream")
        self._one_at_a_time(send)
        self._claimed(send)
        self._no_stop(send)
        if send.release:
            self._release_is_ours(send)
        else:
            self._proposed(send)

    def _attempt_of(self, send: Send) -> Raw | None:
        if send.release:
            releases = self.ledger.standing[send.uid].status.get("releases", [])
            return next((r for r in releases if r["operationKey"] == send.key), None)
        return self.ledger.proposals[send.uid].attempt(send.key)

    def _taken(self, send: Send) -> None:
        """5: what comes late comes before the outcome, or the outcome is Unknown."""
        attempt = self._attempt_of(send)
        outcome = attempt.get("outcome") if attempt is not None else None
        if outcome == "Failed":
            self._say("5", f"{send.key} was taken after its outcome {outcome} was recorded")

    def _window(self, send: Send) -> int:
        return self.ledger.reading(send.call.pass_number).subject

    def _one_at_a_time(self, send: Send) -> None:
        """13: one write in flight for each Subject; no overlap with what is not decided yet; nothing that is frozen."""
        for sends in self.ledger.sends.values():
            same = [other for other in sends if other.subject_uid == send.subject_uid]  # a new Subject knows no claims
            if any(other is not send and not other.ended for other in same):
                self._say("13", f"{send.key} began while {same[0].key} was in flight")
        if send.release:
            return
        for other in self.ledger.proposals.values():
            if other.uid == send.uid or other.gone:
                continue
            for attempt in other.status.get("attempts", []):
                self._beside(send, other, attempt)

    def _beside(self, send: Send, other: Proposal, attempt: Raw) -> None:
        key = attempt["operationKey"]
        if key not in self.ledger.sends or self.ledger.sends[key][0].subject_uid != send.subject_uid:
            return
        targets = set(self.ledger.sends[key][0].targets)
        if attempt.get("outcome") is None and targets & set(send.targets):
            self._say("13", f"{send.key} touches {sorted(targets)} while {key} is not decided")
        same = other.spec["action"]["name"] == self.ledger.proposals[send.uid].spec["action"]["name"]
        frozen = attempt.get("outcome") == "Unknown" and not other.acknowledged
        if frozen and same:
            self._say("13", f"{send.key} is of a kind that {key} has frozen (Unknown)")

    def _claimed(self, send: Send) -> None:
        """13: the Subject shows the claim when it was read once more, and still does."""
        for raw in self.ledger.within(self.ledger.subjects, self._window(send)):
            if raw is None and self._subject_went(send):
                self.counts["Subjects that were deleted within the window"] += 1
                return
            claims = [] if raw is None else raw.get("status", {}).get("inFlight", [])
            held = [c for c in claims if c["operationKey"] == send.key and c["state"] == "Writing"]
            if not held or held[0]["holder"] != send.call.engine:
                self._say("13", f"{send.key} was sent without its claim on the Subject")
                return
            self._in_time(send, held[0])

    def _in_time(self, send: Send, claim: Raw) -> None:
        """13: within the time that its claim shows, by its own clock: after that others may take it for dead."""
        send.claimed = datetime.fromisoformat(claim["claimedTime"])
        slot = self.stage.slot_of(send.call.engine)
        made = self.ledger.claims.get((send.key, claim["holder"], claim["claimedTime"]))
        if slot is None or made is None:
            return
        passed = self.stage.processes[slot].times.monotonic() - made
        if passed > ATTEMPT_SECONDS:
            self._say("13", f"{send.key} was sent {passed:.0f} s after its claim")

    def _subject_went(self, send: Send) -> bool:
        """Whether somebody deleted the Subject after its claim was read."""
        there, *later = self.ledger.within(self.ledger.subjects, self._window(send))
        return there is not None and None in later

    def _no_stop(self, send: Send) -> None:
        """3: every stop in force came after the pass's last read of its namespace, which came after its last gate."""
        reads = self.ledger.reading(send.call.pass_number)
        going = NAMESPACE in self.stage.api.terminating
        for stop in self.ledger.stops.values():
            if stop.ends < send.began or not stop.covers() or (send.release and going and stop.namespace == NAMESPACE):
                continue
            looked = reads.stops.get(stop.namespace, 0)
            if stop.begins > looked > reads.subject:
                self.counts["stops that came within the window"] += 1
            else:
                self._say("3", f"{send.key} began under a stop in {stop.namespace}")
        if min(reads.stops.get(place, 0) for place in (NAMESPACE, OPERATORS)) <= reads.subject and not going:
            self._say("3", f"{send.key} began without a look at the stops after its last gate")

    def _proposed(self, send: Send) -> None:
        proposal = self.ledger.proposals[send.uid]
        attempt = proposal.attempt(send.key)
        if attempt is None or attempt["state"] != "Intended" or attempt.get("outcome"):
            self._say("5", f"{send.key} was sent without an open intent: {attempt}")
            return
        if proposal.status.get("phase") != "Executing":
            self._say("6", f"{send.key} was sent in phase {proposal.status.get('phase')}")
        step = attempt["step"]
        first = (proposal.first_steps or [])[step : step + 1]
        if not first or not _same(first[0], send):
            self._say("10", f"{send.key} sends {dict(send.values)}, the plan says {first}")
        if proposal.rejected:
            self._say("1", f"{send.key} was sent although a person rejected it")
        problems = [
            self._not_allowed(send, proposal, policy, step)
            for policy in self.ledger.within(self.ledger.policies, self._window(send))
        ]
        if all(problems):
            self._say("1, 4, 9, 10", f"{send.key}: {problems}")
        elif any(problems):
            self.counts["policies that changed within the window"] += 1
        if any(a.get("outcome") == "Unknown" for a in proposal.status["attempts"]):
            self._say("5", f"{send.key} repeats what ended Unknown")

    def _not_allowed(self, send: Send, proposal: Proposal, policy: Raw | None, step: int) -> str:
        """Why this policy would not have allowed it, "" where it does."""
        spec = policy["spec"] if policy is not None else {}
        if spec.get("mode") != "Execute" or not spec.get("approval") or policy is None:
            return "the policy is missing, says Observe, or makes no sense"
        risk = str(DEFINITIONS[proposal.spec["action"]["name"]].risk)
        needed = people(policy, risk)
        valid = [d for d in proposal.decided if self._counts(d, send, proposal, spec["approval"], step)]
        who = {d.by for d in valid}
        if len(who) < needed:
            return f"{needed} people needed, {sorted(who)} approved"
        return self._too_much(send, spec.get("limits", {}))

    def _too_much(self, send: Send, limits: Raw) -> str:
        """14: how many writes an hour may have, and how soon a target may be written to again; counted from the claims."""
        others = [other for sends in self.ledger.sends.values() for other in sends if other is not send]
        within = [o for o in others if o.subject_uid == send.subject_uid and _since(o, send) is not None]
        hour = [o.key for o in within if not o.release and (_since(o, send) or 0) < 3600]
        most, pause = int(limits.get("maxActionsPerHour", 10)), int(limits.get("cooldownSeconds", 300))
        if len(hour) >= most:
            return f"{hour} were claimed within the hour, and {most} may be"
        near = [o.key for o in within if o.uid != send.uid and set(o.targets) & set(send.targets)]
        soon = [o.key for o in within if o.key in near and (_since(o, send) or 0) < pause]
        return f"{soon} were claimed on that target within {pause} s" if soon else ""

    def _counts(self, said: Decided, send: Send, proposal: Proposal, rules: Raw, step: int) -> bool:
        if rules.get("distinctFromProposer", True) and said.by == proposal.spec["proposedBy"]:
            return False
        if not rules.get("allowServiceAccounts", False) and said.by.startswith(SERVICE_ACCOUNT):
            return False
        lapse = timedelta(seconds=rules.get("validSeconds", 3600) + 1)  # times are written to the second
        if said.seen is not None and self.stage.times.now() - self._slack(send) > said.seen + lapse:
            return False
        place = self.ledger.within(self.ledger.subjects, self._window(send))[0]
        uid = place["metadata"]["uid"] if place is not None else ""
        same_place = (uid, self.stage.cluster.cluster_id) == (said.subject_uid, said.cluster_id)
        return same_place and _same(said.steps[step], send)

    def _slack(self, send: Send) -> timedelta:
        """The window in time: an approval that lapses within it was valid when it was counted."""
        del send
        return timedelta(seconds=15)

    def _release_is_ours(self, send: Send) -> None:
        change = self.ledger.standing.get(send.uid)
        if change is None or "owner" not in change.spec:
            self._say("12", f"{send.key} releases what nobody owns")
            return
        intent = next((r for r in change.status.get("releases", []) if r["operationKey"] == send.key), None)
        if intent is None or intent["state"] != "Intended" or intent.get("outcome"):
            self._say("5", f"{send.key} was released without an open intent")
        made = [
            s
            for key, sends in self.ledger.sends.items()
            for s in sends
            if not s.release and s.uid == change.spec["owner"]["uid"]
        ]
        store = send.values["store"]
        if not made:
            self._say("12", f"{send.key} releases what was never made")
        elif all(s.evicted_before is not None and store in s.evicted_before for s in made):
            self._say("12", f"{send.key} releases an entry that stood before ours")
        over = change.status.get("endTime") or change.spec["untilTime"]
        if rfc3339(self.stage.times.now()) < over and not change.deleted:
            self._say("12", f"{send.key} releases before its end")

    # --- a status is written

    def _stored(self, plural: str, old: Raw | None, new: Raw | None) -> None:
        if self.editing or new is None:
            return
        before, after = (old or {}).get("status", {}), new.get("status", {})
        if plural == "actionproposals":
            self._life(new, before, after)
            self._attempts(before.get("attempts", []), after.get("attempts", []))
        elif plural == "standingchanges":
            self._attempts(before.get("releases", []), after.get("releases", []))
            if before.get("state") in ENDED_STATES and after.get("state") != before["state"]:
                self._say("6", f"a standing change went from {before['state']} to {after.get('state')}")

    def _life(self, raw: Raw, before: Raw, after: Raw) -> None:
        was, now = before.get("phase", ""), after.get("phase", "")
        if now not in FORWARD[was]:
            self._say("6", f"{raw['metadata']['name']} went from {was} to {now}")
        if now != was and now in ("Completed", "Failed", "Cancelled"):
            self.counts["ended"] += 1
            self.counts[f"ended {now}/{after.get('reason')}"] += 1
        past, present = before.get("history", []), after.get("history", [])
        kept = [entry for entry in past if not present or entry["seq"] >= present[0]["seq"]]
        if present[: len(kept)] != kept:
            self._say("7", f"the history of {raw['metadata']['name']} was rewritten")
        numbers = [entry["seq"] for entry in present]
        if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            self._say("7", f"the history of {raw['metadata']['name']} has gaps: {numbers}")

    def _attempts(self, before: list[Raw], after: list[Raw]) -> None:
        known = {a["operationKey"]: a for a in after}
        for was in before:
            now = known.get(was["operationKey"])
            if now is None and len(after) < 64:
                self._say("5", f"attempt {was['operationKey']} was forgotten")
            elif now is not None and was.get("outcome") not in (None, now.get("outcome")):
                self._say("5", f"{was['operationKey']} was {was['outcome']} and is {now.get('outcome')}")
        decided = {a["operationKey"] for a in before if a.get("outcome")}
        for attempt in after:
            if attempt.get("outcome") and attempt["operationKey"] not in decided:
                self._outcome(attempt)

    def _outcome(self, attempt: Raw) -> None:
        """5: the outcome comes after the write, and says what is true."""
        key = attempt["operationKey"]
        sends = self.ledger.sends.get(key, [])
        self.counts[f"outcome {attempt['outcome']}"] += 1
        if any(not send.ended for send in sends):
            self._say("5", f"{key} got its outcome while its write was under way")
        if attempt["state"] == "NotSent" and sends:
            self._say("5", f"{key} is recorded as not sent, and was")
        absent = attempt["outcome"] == "Failed" and attempt.get("reason") in PROVABLY_ABSENT
        if absent and any(send.applied for send in sends):
            self._say("5", f"{key} is recorded as absent ({attempt['reason']}), and was taken")

    # --- at the end

    def undecided(self) -> list[str]:
        """Writes that have no outcome yet."""
        return [key for key, sends in self.ledger.sends.items() if self._outcome_of(sends[0]) is None]

    def _outcome_of(self, send: Send) -> str | None:
        attempt = self._attempt_of(send)
        return attempt.get("outcome") if attempt is not None else None

    def nothing_left(self) -> None:
        """5, 8 and 12, when the engines have had all the time they need."""
        self.counts["audit records"] += sum(len(sink.lines) for sink in self.stage.sinks.values())
        for number, text in wrong(self.stage.sinks, self.ledger.sends):
            self._say(number, text)
        for key in self.undecided():
            self._say("5", f"{key} was sent and never got an outcome")
        for proposal in self.ledger.proposals.values():
            if not proposal.gone and proposal.status.get("phase") == "Executing":
                self._say("5", f"{proposal.name} executes for ever: {proposal.status.get('message')}")
        subject = self.ledger.subjects[-1][1]
        for claim in (subject or {}).get("status", {}).get("inFlight", []):
            if claim["state"] != "Unknown":
                self._say("13", f"a claim stays for ever: {claim}")
        for store, makers in self.stage.cluster.evicted.items():
            if OTHERS not in makers:
                self._kept(store, makers)

    def _kept(self, store: int, makers: list[str]) -> None:
        """12: an entry of ours that still stands was handed over to somebody, or could not be reached."""
        before = {key: self.ledger.sends[key][0].evicted_before or frozenset() for key in makers}
        makers = [key for key in makers if store not in before[key]]  # what stood before counts as theirs
        if not makers:
            return
        owners = {key.split("/")[0] for key in makers}
        target = f"store/{store}"
        changes = list(self.ledger.standing.values())
        states = [c.status.get("state") for c in changes if c.spec.get("owner", {}).get("uid") in owners]
        declared = any("owner" not in c.spec and c.spec["change"]["target"] == target for c in changes)
        fine = {"HandedOver"} if declared else set()
        if len({raw["metadata"]["uid"] for _, raw in self.ledger.subjects if raw is not None}) > 1:
            fine.add("Abandoned")
        if not fine & set(states):
            self._say("12", f"the entry of {target} made by {makers} outlives its time: {states}")

    def picture(self) -> str:
        """How everything stands, for a failure."""
        ledger = self.ledger
        lines = [f"{p.uid} {p.name}: {', '.join(p.way)}" for p in ledger.proposals.values()]
        lines += [f"{c.uid} {c.name}: {', '.join(c.way)}" for c in ledger.standing.values()]
        lines += [
            f"sent {key}: {[(s.began, s.ended, s.applied) for s in sends]}" for key, sends in ledger.sends.items()
        ]
        return "\n".join([*lines, "the last calls:", *self.stage.gate.trace])


def _since(earlier: Send, send: Send) -> float | None:
    """Seconds from one claim to the other; None where one has none that is known."""
    if earlier.claimed is None or send.claimed is None:
        return None
    return (send.claimed - earlier.claimed).total_seconds()


def _same(step: Raw, send: Send) -> bool:
    return dict(step["parameters"]) == dict(send.values) and tuple(step["targets"]) == send.targets
