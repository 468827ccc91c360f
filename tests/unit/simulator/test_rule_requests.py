"""Placement rules, region labels and replication settings by request: read from PD's source, beyond the recordings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from watchkeeper.simulator import Scenario, Simulator

V1 = "/pd/api/v1"
FIRST = 7


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(Scenario(regions=9))


def ask(simulator: Simulator, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    raw = b"" if body is None else json.dumps(body).encode()
    answer = simulator.call(method, V1 + path, body=raw)
    return answer.status, json.loads(answer.body) if answer.content_type != "text/plain; charset=UTF-8" else answer.body


def encoded(text: bytes) -> str:
    """A key as TiDB encodes it: eight bytes and a marker."""
    assert len(text) < 8
    return (text.ljust(8, b"\0") + bytes([0xFF - 8 + len(text)])).hex()


RULE = {"group_id": "tiflash", "id": "copy", "role": "learner", "count": 1}


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"group_id": ""}, 400, "group ID should not be empty"),
        ({"id": ""}, 400, "ID should not be empty"),
        ({"count": 0}, 400, "invalid count 0"),
        ({"role": "leader", "count": 2}, 400, "define multiple leaders by count 2"),
        ({"label_constraints": [{"key": "zone", "op": "like", "values": ["z1"]}]}, 400, "invalid op like"),
        (
            {"label_constraints": [{"key": "engine", "op": "in", "values": ["tiflash"]}]},
            400,
            "rule 'copy' from rule group 'tiflash' can not match any store",
        ),
        ({"start_key": encoded(b"b"), "end_key": encoded(b"a")}, 400, "endKey should be greater than startKey"),
        (
            {"start_key": "7480"},
            400,
            "start key should be encoded in table mode: insufficient bytes to decode value",
        ),
        ({"is_witness": True, "count": 2}, 400, "define too many witness by count 2"),
    ],
)
def test_refused_rules(simulator: Simulator, change: dict[str, Any], status: int, text: str) -> None:
    prefix = "[PD:placement:ErrRuleContent]invalid rule content, "
    assert ask(simulator, "POST", "/config/rule", RULE | change) == (status, prefix + text)


def test_a_field_of_another_type_is_an_object(simulator: Simulator) -> None:
    status, body = ask(simulator, "POST", "/config/rule", RULE | {"count": "one"})
    assert status == 400
    assert body["msg"] == "json: cannot unmarshal string into Go struct field Rule.count of type int"


def test_a_learner_rule_is_applied_shown_and_taken_away(simulator: Simulator) -> None:
    body = RULE | {"location_labels": ["zone"]}
    assert ask(simulator, "POST", "/config/rule", body) == (200, "Update rule successfully.")
    _, shown = ask(simulator, "GET", "/config/rule/tiflash/copy")
    assert list(shown) == [
        "group_id",
        "id",
        "start_key",
        "end_key",
        "role",
        "is_witness",
        "count",
        "location_labels",
        "create_timestamp",
    ]
    assert [one["group_id"] for one in ask(simulator, "GET", "/config/placement-rule")[1]] == ["pd", "tiflash"]
    for limit in simulator.world.config.store_limits.values():
        limit.add_peer = limit.remove_peer = 100_000
    simulator.clock.advance(120)
    assert ask(simulator, "GET", "/regions/replicated?startKey=&endKey=") == (200, "REPLICATED")
    assert all(sum(peer.role.text == "Learner" for peer in one.peers) == 1 for one in simulator.world.regions)
    assert ask(simulator, "DELETE", "/config/rule/tiflash/copy") == (200, "Delete rule successfully.")
    simulator.clock.advance(120)
    assert all(len(one.peers) == 3 for one in simulator.world.regions)


def test_a_hole_in_the_rules_is_refused_whole(simulator: Simulator) -> None:
    border = encoded(b"m")
    batch = [
        {"action": "del", "group_id": "pd", "id": "default"},
        {"action": "add", "group_id": "pd", "id": "left", "role": "voter", "count": 3, "end_key": border},
    ]
    text = f"no rule for range {{{border.upper()}, }}"
    assert ask(simulator, "POST", "/config/rules/batch", batch) == (
        500,
        f"[PD:placement:ErrBuildRuleList]build rule list failed, {text}",
    )
    assert [one["id"] for one in ask(simulator, "GET", "/config/rules")[1]] == ["default"]
    only_learners = [{"group_id": "pd", "rules": [RULE | {"group_id": "pd"}]}]
    status, answer = ask(simulator, "POST", "/config/placement-rule", only_learners)
    assert (status, answer.endswith("needs at least one leader or voter for range {, }")) == (500, True)


def test_later_groups_and_rules_override_earlier_ones(simulator: Simulator) -> None:
    bundle = {
        "group_id": "pd2",
        "group_index": 2,
        "group_override": True,
        "rules": [RULE | {"role": "voter", "count": 3}],
    }
    bundle["rules"] = [
        {"id": "a", "role": "voter", "count": 3},
        {"id": "b", "role": "voter", "count": 5, "override": True},
    ]
    assert ask(simulator, "POST", "/config/placement-rule/pd2", bundle) == (200, "Update group and rules successfully.")
    applied = ask(simulator, "GET", f"/config/rules/region/{FIRST}")[1]
    assert [(one["group_id"], one["id"]) for one in applied] == [("pd2", "b")]
    assert [one["id"] for one in ask(simulator, "GET", "/config/rules/key/74")[1]] == ["default", "a", "b"]
    group = {"id": "pd2", "index": 2}
    assert ask(simulator, "POST", "/config/rule_group", group) == (200, "Update rule group successfully.")
    assert ask(simulator, "GET", "/config/rule_group/pd2") == (200, group)
    applied = ask(simulator, "GET", f"/config/rules/region/{FIRST}")[1]
    assert [(one["group_id"], one["id"]) for one in applied] == [("pd", "default"), ("pd2", "b")]
    assert ask(simulator, "DELETE", "/config/placement-rule/^pd%5B0-9%5D$?regexp") == (
        200,
        "Delete group and rules successfully.",
    )
    assert [one["id"] for one in ask(simulator, "GET", "/config/rule_groups")[1]] == ["pd"]
    assert ask(simulator, "GET", "/config/rule_group/pd2") == (404, None)


def test_a_bundle_of_another_group_is_refused(simulator: Simulator) -> None:
    assert ask(simulator, "POST", "/config/placement-rule/one", {"group_id": "two"}) == (
        400,
        "group id two does not match request URI one",
    )


def test_a_rule_that_is_set_counts_its_versions(simulator: Simulator) -> None:
    """Also when it is set as it was: PD compares it with its own copy, which has a time."""
    for count in (1, 2, 2):
        ask(simulator, "POST", "/config/rule", RULE | {"count": count})
    assert ask(simulator, "GET", "/config/rule/tiflash/copy")[1]["version"] == 2


def test_max_replicas_go_through_the_default_rule(simulator: Simulator) -> None:
    assert ask(simulator, "POST", "/config", {"replication.max-replicas": 5})[0] == 200
    assert ask(simulator, "GET", "/config/rule/pd/default")[1]["count"] == 5
    ask(simulator, "POST", "/config/rule", {"group_id": "pd", "id": "default", "role": "voter", "count": 3})
    assert ask(simulator, "GET", "/config/replicate")[1]["max-replicas"] == 3
    status, text = ask(simulator, "POST", "/config/replicate", {"location-labels": "zone"})
    assert (status, text.startswith("cannot to update replication config")) == (500, True)
    assert ask(simulator, "POST", "/config", {"isolation-level": "rack"}) == (
        400,
        "isolation-level must be one of location-labels or empty",
    )


def test_a_temporary_value_blocks_the_key_in_every_spelling(simulator: Simulator) -> None:
    assert ask(simulator, "POST", "/config?ttlSecond=60", {"schedule.merge-schedule-limit": 0})[0] == 200
    refused = (400, "need to clean up TTL first for schedule.merge-schedule-limit")
    assert ask(simulator, "POST", "/config", {"merge-schedule-limit": 1}) == refused
    assert ask(simulator, "POST", "/config/schedule", {"merge-schedule-limit": 1}) == refused


LABEL = {"id": "a", "rule_type": "key-range", "data": [{"start_key": "", "end_key": ""}]}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"labels": []}, "no region labels"),
        ({"labels": [{"key": "k"}]}, "empty region label value"),
        (
            {"labels": [{"key": "k", "value": "v", "ttl": "soon"}]},
            'region label with invalid ttl info time: invalid duration "soon"',
        ),
        ({"data": []}, "no key ranges"),
        ({"data": "all"}, "invalid rule type: string"),
        ({"data": [{"start_key": "74", "end_key": "73"}]}, "endKey should be greater than startKey"),
    ],
)
def test_refused_labels(simulator: Simulator, change: dict[str, Any], text: str) -> None:
    body = LABEL | {"labels": [{"key": "k", "value": "v"}]} | change
    prefix = "[PD:region:ErrRegionRuleContent]invalid region rule content, "
    assert ask(simulator, "POST", "/config/region-label/rule", body) == (400, prefix + text)


def test_labels_are_patched_together_and_the_higher_index_has_its_way(simulator: Simulator) -> None:
    low = LABEL | {"id": "low", "labels": [{"key": "k", "value": "1"}, {"key": "only", "value": "low"}]}
    high = LABEL | {"id": "high", "index": 2, "labels": [{"key": "k", "value": "2", "ttl": "1m30s"}]}
    patch = {"sets": [high, low], "deletes": ["keyspaces/0"]}
    answer = (200, "Update region label rules successfully.")
    assert ask(simulator, "PATCH", "/config/region-label/rules", patch) == answer
    assert ask(simulator, "GET", f"/region/id/{FIRST}/label/k") == (200, "2")
    assert ask(simulator, "GET", f"/region/id/{FIRST}/label/none") == (200, "")
    simulator.clock.advance(91)
    assert ask(simulator, "GET", f"/region/id/{FIRST}/labels") == (
        200,
        [{"key": "k", "value": "1"}, {"key": "only", "value": "low"}],
    )
    ids = json.dumps(["low", "high", "nobody"]).encode()
    found = json.loads(simulator.call("GET", f"{V1}/config/region-label/rules/ids", body=ids).body)
    assert [one["id"] for one in found] == ["low"]
    assert ask(simulator, "PATCH", "/config/region-label/rules", {"sets": [LABEL], "deletes": ["low"]})[0] == 400
    assert ask(simulator, "DELETE", "/config/region-label/rule/low") == (200, b"Delete rule successfully.")


def test_the_time_of_a_label_counts_from_where_it_says(simulator: Simulator) -> None:
    def put(start: str) -> tuple[int, Any]:
        label = {"key": "schedule", "value": "deny", "ttl": "10m", "start_at": start}
        body = {"id": "mine", "labels": [label], "rule_type": "key-range", "data": [{"start_key": "", "end_key": ""}]}
        return ask(simulator, "POST", "/config/region-label/rule", body)

    simulator.clock.advance(300.4)
    assert put("Sat Nov 21 02:31:00 UTC 2026")[0] == 200, "five minutes ago"
    (shown,) = ask(simulator, "GET", "/config/region-label/rule/mine")[1]["labels"]
    assert shown["start_at"] == "Sat Nov 21 02:31:00 UTC 2026"
    simulator.clock.advance(298)
    assert ask(simulator, "GET", "/config/region-label/rule/mine")[0] == 200
    simulator.clock.advance(2)
    assert ask(simulator, "GET", "/config/region-label/rule/mine")[0] == 404
    status, text = put("yesterday")
    assert (status, 'region label with invalid ttl info parsing time "yesterday"' in text) == (400, True)
