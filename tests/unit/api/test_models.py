from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from watchkeeper.api.v1alpha1 import KINDS, ActionProposal, EmergencyStop, Key, OperatorPolicy, Resource, Subject
from watchkeeper.api.v1alpha1.actionproposal import UNSIGNED, Phase
from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.api.v1alpha1.standingchange import StandingState
from watchkeeper.crdgen.document import root_schema

SAMPLES = sorted((Path(__file__).parents[3] / "manifests" / "samples").glob("*.yaml"))
BY_NAME = {kind.__name__: kind for kind in KINDS}

PROPOSAL: dict[str, Any] = {
    "apiVersion": "watchkeeper.dev/v1alpha1",
    "kind": "ActionProposal",
    "metadata": {"name": "p", "namespace": "team-a", "uid": "u", "resourceVersion": "5"},
    "spec": {
        "subjectRef": {"name": "orders"},
        "action": {"source": "Subject", "name": "transfer-leader", "parameters": {"region": 42}},
        "reason": "why",
        "proposedBy": "pat",
    },
}


def test_a_stored_object_is_read_and_written_back_the_same() -> None:
    read = ActionProposal.model_validate(PROPOSAL)
    assert read.wire()["spec"] == PROPOSAL["spec"] | {"dryRun": False, "approvals": []}
    assert read.key == Key("ActionProposal", "team-a", "p")
    assert str(read.key) == "ActionProposal/team-a/p"
    assert ActionProposal.model_validate(read.wire()) == read


def test_a_field_of_a_newer_crd_does_not_break_an_older_operator() -> None:
    newer = PROPOSAL | {"spec": PROPOSAL["spec"] | {"fromTheFuture": 1}, "status": {"alsoNew": []}}
    assert ActionProposal.model_validate(newer) == ActionProposal.model_validate(PROPOSAL)


def test_an_unsigned_decision_says_so() -> None:
    spec = PROPOSAL["spec"] | {"approvals": [{"decision": "Approved"}]}
    assert ActionProposal.model_validate(PROPOSAL | {"spec": spec}).spec.approvals[0].by == UNSIGNED


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("reason", ""),
        ("reason", 1025 * "x"),
        ("proposedBy", 254 * "x"),
        ("expiresAfterSeconds", 59),
        ("subjectRef", {}),
        ("action", {"source": "Workflow", "name": "x"}),
        ("action", {"source": "Tool", "name": "has.dot"}),
        ("notBeforeTime", "2030-01-01T00:00:00"),
    ],
)
def test_what_the_crd_refuses_the_model_refuses(path: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        ActionProposal.model_validate(PROPOSAL | {"spec": PROPOSAL["spec"] | {path: value}})


def test_objects_are_immutable_and_replaced() -> None:
    read = ActionProposal.model_validate(PROPOSAL)
    with pytest.raises(ValidationError, match="frozen"):
        read.spec.reason = "other"  # type: ignore[misc]
    assert read.spec.replace(reason="other").reason == "other"
    assert read.spec.reason == "why"


def test_times_are_written_in_utc_to_the_second() -> None:
    moment = datetime(2030, 1, 1, 1, 30, 15, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(moment) == "2029-12-31T23:30:15Z"
    spec = PROPOSAL["spec"] | {"notBeforeTime": "2030-01-01T00:00:00+02:00"}
    read = ActionProposal.model_validate(PROPOSAL | {"spec": spec})
    assert read.wire()["spec"]["notBeforeTime"] == "2029-12-31T22:00:00Z"
    assert read.spec.not_before_time == datetime(2029, 12, 31, 22, tzinfo=UTC)


@pytest.mark.parametrize("kind", KINDS)
def test_the_api_server_writes_the_same_defaults_as_the_model(kind: type[Resource]) -> None:
    """Absent in an old object and defaulted in a new one must mean the same."""
    fields = root_schema(kind)["properties"]["spec"]["properties"]
    model: Any = kind.model_fields["spec"].annotation
    for name, field in model.model_fields.items():
        in_crd = fields[field.alias].get("default")
        if in_crd is not None:
            by_model = model.model_construct(**{name: field.get_default(call_default_factory=True)})
            assert by_model.model_dump(mode="json", by_alias=True, warnings=False)[field.alias] == in_crd


def test_a_stop_covers_all_or_the_named_subjects() -> None:
    everything = EmergencyStop.model_validate({"spec": {"reason": "x"}})
    one = EmergencyStop.model_validate({"spec": {"reason": "x", "subjects": ["orders"]}})
    assert everything.covers("orders")
    assert everything.covers("stock")
    assert one.covers("orders")
    assert not one.covers("stock")


def test_which_states_are_the_end() -> None:
    assert {phase for phase in Phase if phase.terminal} == {Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED}
    assert {state for state in StandingState if not state.ended} == {StandingState.INTENDED, StandingState.HELD}


def test_autonomy_is_never_a_default() -> None:
    observed = OperatorPolicy.model_validate({"spec": {"mode": "Observe"}})
    assert observed.spec.approval is None
    with pytest.raises(ValidationError):
        OperatorPolicy.model_validate({"spec": {}})


@pytest.mark.parametrize("url", ["http://pd:2379/pd/api", "pd:2379", "http://pd:2379?x=1", "http://u@pd", "ftp://pd"])
def test_an_endpoint_is_scheme_host_and_port_only(url: str) -> None:
    with pytest.raises(ValidationError):
        Subject.model_validate({"spec": {"type": "TiKV", "tikv": {"endpoints": [url]}}})


@pytest.mark.parametrize("path", SAMPLES, ids=[path.stem for path in SAMPLES])
def test_the_samples_are_read_by_the_models(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text()):
        if document["apiVersion"] != "watchkeeper.dev/v1alpha1":
            continue
        if document["kind"] == "ActionProposal":
            assert "proposedBy" not in document["spec"]  # stamped
            document["spec"]["proposedBy"] = "pat"
        read = BY_NAME[document["kind"]].model_validate(document)
        assert set(document["spec"]) <= set(read.wire()["spec"])
