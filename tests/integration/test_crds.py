"""The CRDs on the real API server: every constraint of every kind has a row here.

The rows run on a copy of the CRDs in another group, so that neither the admission set nor other tests have a say.
"""

from __future__ import annotations

import copy
import pathlib
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from localcluster.cluster import Cluster
from tests.integration.admission_world import until
from tests.integration.cel_rows import CEL_ROWS, ON_CREATE, ON_UPDATE, REMOVED, CelRow
from tests.integration.rest import Api, Users, users_of
from tests.integration.schema_constraints import (
    CEL,
    Constraint,
    Path,
    at,
    constraints,
    dotted,
    example,
    replaced,
    without,
)
from tests.integration.schema_rows import OTHER_TABLES, ROWS, base, row, where
from watchkeeper.adapters.kubernetes.stored import parsed
from watchkeeper.api.v1alpha1 import ActionProposal, StandingChange
from watchkeeper.api.v1alpha1.meta import Resource

FOLDER = pathlib.Path(__file__).parents[2] / "crds"
CRDS: dict[str, dict[str, Any]] = {
    document["spec"]["names"]["kind"]: document
    for document in (yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml")))
}
COPY = "schema.example"
NAMESPACE, COLUMNS = "schema-rows", "schema-rows-columns"
EMPTY = "schema-rows-empty"
"""Nothing is ever stored here, so that any name is free (an OperatorPolicy has only one)."""


def schema_of(kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = CRDS[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def plural_of(kind: str) -> str:
    return str(CRDS[kind]["spec"]["names"]["plural"])


def copied(kind: str) -> str:
    """The plural of the copy: another one, or `kubectl get subjects` of another test might mean the copy's."""
    return f"copied{plural_of(kind)}"


ALL = [constraint for kind in CRDS for constraint in constraints(kind, schema_of(kind))]


def of(*keywords: str) -> list[Any]:
    """Parameters for the constraints with these keywords; the root's own type is not for anybody to choose."""
    return [pytest.param(c, id=c.id) for c in ALL if c.keyword in keywords and (c.path or c.keyword == "required")]


def _copy_of(document: dict[str, Any]) -> dict[str, Any]:
    out = copy.deepcopy(document)
    names, kind = out["spec"]["names"], out["spec"]["names"]["kind"]
    names["plural"], names["singular"] = copied(kind), f"copied{names['singular']}"
    out["metadata"]["name"] = f"{copied(kind)}.{COPY}"
    out["spec"]["group"] = COPY
    del names["shortNames"], names["categories"]
    return out


def _wait_established(admin: Api, name: str) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        crd = admin.send("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", None).accepted()
        conditions: list[dict[str, Any]] = crd.get("status", {}).get("conditions", [])
        if any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
            return conditions
        time.sleep(0.05)
    raise AssertionError(f"{name} was not established in 30 s")


@pytest.fixture(scope="session")
def users(control_plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Users]:
    with users_of(control_plane, tmp_path_factory.mktemp("users")) as users:
        yield users


@pytest.fixture(scope="session")
def api(control_plane: Cluster, users: Users) -> Iterator[Api]:
    """The copies installed, and one existing object of each kind to write status to.

    For the session: a worker of xdist that has taken over the rest of this module from another comes back to it after
    other modules, and the namespaces of the first time may still be terminating then.
    """
    copies = [_copy_of(document) for document in CRDS.values()]
    control_plane.apply(yaml.safe_dump_all(copies))
    for name in (NAMESPACE, COLUMNS, EMPTY):
        control_plane.apply(yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
    for document in copies:
        _wait_established(users.admin, document["metadata"]["name"])
    api = users.admin.in_group(COPY)
    for kind in CRDS:
        _create_first(api, kind)
    yield api
    control_plane.kubectl("delete", "namespace", NAMESPACE, COLUMNS, EMPTY, "--wait=false")
    control_plane.kubectl("delete", "crd", "--wait=false", *(item["metadata"]["name"] for item in copies))


def _create_first(api: Api, kind: str) -> None:
    """The API of a new CRD answers 404 for a moment after it is established."""
    first = _plain(kind)
    deadline = time.monotonic() + 15
    while (answer := api.create(copied(kind), NAMESPACE, first)).code == 404 and time.monotonic() < deadline:
        time.sleep(0.05)
    answer.accepted()


def _ask(api: Api, constraint: Constraint, body: dict[str, Any]) -> Any:
    """Dry run: create with this spec, or write this status to the object that is there."""
    plural = copied(constraint.kind)
    if constraint.path and constraint.path[0] == "status":
        return api.merge(
            plural, NAMESPACE, body["metadata"]["name"], {"status": body["status"]}, subresource="status", dry=True
        )
    return api.create(plural, EMPTY, body, dry=True)


@pytest.mark.parametrize("constraint", of(*ROWS))
def test_a_value_outside_is_refused_and_one_at_the_border_accepted(api: Api, constraint: Constraint) -> None:
    made = row(constraint)
    if made is None:
        assert constraint.value == "atomic"
        return
    body = base(constraint, schema_of(constraint.kind))
    _ask(api, constraint, replaced(body, constraint.path, made.refused)).refused(
        where(constraint), *made.words, code=422
    )
    if made.has_accepted:
        _ask(api, constraint, replaced(body, constraint.path, made.accepted)).accepted()


ODD_TIMES = tuple(
    f"{date}{between}{clock}{fraction}{zone}"
    for date in ("2030-01-01", "0000-01-01", "0001-01-01", "9999-12-31", "2030-02-30", "20300101")
    for between in ("T", "t", " ")
    for clock in ("00:00:00", "23:59:60", "24:00:00")
    for fraction in ("", ".5", "x5", ".1234567890123")
    for zone in ("Z", "z", "+23:59", "+24:00", "-99:99", "")
    if (date == "2030-01-01") + (between == "T") + (clock == "00:00:00") + (fraction == "") + (zone == "Z") >= 4
)
"""Times with at most one thing odd about them."""


@pytest.mark.parametrize(
    ("kind", "path"),
    [(StandingChange, ("spec", "untilTime")), (ActionProposal, ("spec", "notBeforeTime"))],
    ids=["StandingChange", "ActionProposal"],
)
def test_every_time_that_the_api_server_takes_is_one_that_we_read(api: Api, kind: type[Resource], path: Path) -> None:
    """Else somebody could store what no operator understands, and what cannot be understood holds up others."""
    taken = []
    for odd in ODD_TIMES:
        body = replaced(_plain(kind.__name__), path, odd)
        answer = api.create(copied(kind.__name__), EMPTY, body, dry=True)
        if answer.code == 201:
            taken.append(odd)
            parsed(kind, answer.body)
        else:
            assert dotted(path) in answer.message
    print(f"\n{kind.__name__}: {len(taken)} of {len(ODD_TIMES)} odd times are taken, each is understood")
    assert "2030-01-01T00:00:00.1234567890123Z" in taken
    assert "2030-01-01T00:00:00-99:99" not in taken


@pytest.mark.parametrize("constraint", of("required"))
def test_a_required_field_is_missed(api: Api, constraint: Constraint) -> None:
    path = (*constraint.path, constraint.value)
    body = without(base(constraint, schema_of(constraint.kind)), path)
    _ask(api, constraint, body).refused(f"{dotted(path)}: Required value", code=422)


@pytest.mark.parametrize("constraint", of("default"))
def test_a_default_is_written_into_the_object(api: Api, constraint: Constraint) -> None:
    body = without(base(constraint, schema_of(constraint.kind)), constraint.path)
    assert at(_ask(api, constraint, body).accepted(), constraint.path) == constraint.value


@pytest.mark.parametrize("constraint", of("x-kubernetes-preserve-unknown-fields"))
def test_an_open_map_keeps_what_it_is_given(api: Api, constraint: Constraint) -> None:
    deep = {"toStore": "tikv-5", "list": [1, {"deep": True}], "empty": {}}
    body = replaced(base(constraint, schema_of(constraint.kind)), constraint.path, deep)
    assert at(_ask(api, constraint, body).accepted(), constraint.path) == deep


@pytest.mark.parametrize("kind", CRDS)
def test_a_misspelt_field_is_refused_by_kubectl_and_dropped_otherwise(api: Api, kind: str) -> None:
    body = _plain(kind)
    body["spec"]["misspelt"] = 1
    answer = api.create(copied(kind), EMPTY, body, dry=True, strict=True)  # kubectl asks for strict
    assert answer.code == 400
    assert 'unknown field "spec.misspelt"' in answer.message
    assert "misspelt" not in api.create(copied(kind), EMPTY, body, dry=True).accepted()["spec"]


def _plain(kind: str) -> dict[str, Any]:
    return base(Constraint(kind, (), "", None, {}), schema_of(kind))


def _broken(kind: str, path: Path, value: Any) -> dict[str, Any]:
    body = _plain(kind)
    broken: dict[str, Any] = without(body, path) if value is REMOVED else replaced(body, path, value)
    return broken


def _ids(rows: tuple[CelRow, ...]) -> list[str]:
    return [f"{kind}-{dotted(path)}-{'removed' if value is REMOVED else 'set'}" for kind, _, path, value in rows]


@pytest.mark.parametrize(("kind", "message", "path", "value"), ON_CREATE, ids=_ids(ON_CREATE))
def test_a_rule_refuses_creation(api: Api, kind: str, message: str, path: Path, value: Any) -> None:
    api.create(copied(kind), EMPTY, _broken(kind, path, value), dry=True).refused(message, code=422)


@pytest.mark.parametrize(("kind", "message", "path", "value"), ON_UPDATE, ids=_ids(ON_UPDATE))
def test_a_rule_refuses_a_change(api: Api, kind: str, message: str, path: Path, value: Any) -> None:
    name = _plain(kind)["metadata"]["name"]
    stored = api.get(copied(kind), NAMESPACE, name).accepted()
    changed = without(stored, path) if value is REMOVED else replaced(stored, path, value)
    assert changed["spec"] != stored["spec"]
    api.put(copied(kind), NAMESPACE, name, changed, dry=True).refused(message, code=422)


def _stored_proposal(api: Api, name: str, **spec: Any) -> dict[str, Any]:
    body = _plain("ActionProposal")
    for field in ("approvals", "cancel", "acknowledge", *OPTIONAL):
        del body["spec"][field]
    body["metadata"]["name"] = name
    body["spec"] |= spec
    return api.create(copied("ActionProposal"), NAMESPACE, body).accepted()


OPTIONAL = {
    "ticketRef": {"name": "orders-blind"},
    "notBeforeTime": "2040-01-01T00:00:00Z",
    "expiresAfterSeconds": 60,
    "retry": {"maxAttempts": 2},
}


def test_an_optional_field_cannot_be_added_later(api: Api) -> None:
    stored = _stored_proposal(api, "added-later")
    for field, value in OPTIONAL.items():
        changed = replaced(stored, ("spec", field), value)
        api.put(copied("ActionProposal"), NAMESPACE, "added-later", changed, dry=True).refused("immutable", code=422)


def test_approvals_are_appended_in_order_and_stay(api: Api) -> None:
    stored = _stored_proposal(api, "appended")
    assert stored["spec"]["approvals"] == []  # so that a JSON patch can append to it
    for by in ("zoe", "adam"):
        entry = {"op": "add", "path": "/spec/approvals/-", "value": {"by": by, "decision": "Approved"}}
        stored = api.patch(copied("ActionProposal"), NAMESPACE, "appended", [entry]).accepted()
    entries = stored["spec"]["approvals"]
    assert [entry["by"] for entry in entries] == ["zoe", "adam"]
    for wrong in (entries[::-1], entries[1:], entries[:1]):
        changed = replaced(stored, ("spec", "approvals"), wrong)
        api.put(copied("ActionProposal"), NAMESPACE, "appended", changed, dry=True).refused("append-only", code=422)


def test_cancel_and_acknowledge_can_be_written_once(api: Api) -> None:
    _stored_proposal(api, "once")
    cancel = {"cancel": {"reason": "changed my mind"}}
    found = {"acknowledge": {"outcome": "Succeeded", "reason": "looked"}}
    for part in (cancel, found):
        api.merge(copied("ActionProposal"), NAMESPACE, "once", {"spec": part}).accepted()
        api.merge(
            copied("ActionProposal"), NAMESPACE, "once", {"spec": part}
        ).accepted()  # the same again changes nothing


def test_a_ticket_can_be_held_and_let_go(api: Api) -> None:
    name = _plain("Ticket")["metadata"]["name"]
    for hold in (False, True, False):
        made = api.merge(copied("Ticket"), NAMESPACE, name, {"spec": {"hold": hold}}).accepted()
        assert made["spec"]["hold"] is hold


def test_observe_needs_no_approval_rules(api: Api) -> None:
    body = replaced(_plain("OperatorPolicy"), ("spec",), {"mode": "Observe"})
    spec = api.create(copied("OperatorPolicy"), EMPTY, body, dry=True).accepted()["spec"]
    assert "approval" not in spec


def test_every_constraint_has_a_test() -> None:
    """Reads the files, not the models: a keyword or CEL rule that no table knows fails here."""
    untested = {c.keyword for c in ALL} - set(ROWS) - OTHER_TABLES
    assert untested == set()
    rules = {(c.kind, c.value["message"]) for c in ALL if c.keyword == CEL}
    assert rules == {(kind, message) for kind, message, *_ in CEL_ROWS}
    tables = {keyword: sum(c.keyword == keyword for c in ALL) for keyword in sorted({c.keyword for c in ALL})}
    print(f"\n{len(ALL)} constraints in {len(CRDS)} kinds: {tables}; {len(CEL_ROWS)} rows for {len(rules)} CEL rules")
    assert len(ALL) > 700


@pytest.fixture(scope="module")
def installed(control_plane: Cluster, users: Users) -> Cluster:
    """The CRDs as they are shipped."""
    control_plane.kubectl("apply", "-f", str(FOLDER))
    for document in CRDS.values():
        _wait_established(users.admin, document["metadata"]["name"])
    return control_plane


def test_the_api_server_has_nothing_to_say_against_them(installed: Cluster, users: Users) -> None:
    for document in CRDS.values():
        found = {c["type"]: c["status"] for c in _wait_established(users.admin, document["metadata"]["name"])}
        assert found["NamesAccepted"] == "True"
        assert "NonStructuralSchema" not in found


@pytest.mark.parametrize("kind", CRDS)
def test_kubectl_finds_each_kind_by_its_names(installed: Cluster, kind: str) -> None:
    names = CRDS[kind]["spec"]["names"]
    listed = installed.kubectl("api-resources", "--api-group=watchkeeper.dev", "--categories=watchkeeper").stdout
    assert any(line.split()[:2] == [names["plural"], names["shortNames"][0]] for line in listed.splitlines())


def test_no_name_is_taken_by_another_kind_of_this_server(installed: Cluster, users: Users) -> None:
    """`sc` was StorageClass's: kubectl resolved it to that, and its empty list read as all is well."""
    taken: dict[str, str] = {}
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    for path in ("/api", "/apis"):
        for group in users.admin.send("GET", path, None, accept=accept).accepted()["items"]:
            if group["metadata"].get("name") in ("watchkeeper.dev", COPY):
                continue
            for resource in group["versions"][0]["resources"]:
                names = (resource["resource"], resource["singularResource"], *resource.get("shortNames", ()))
                taken |= dict.fromkeys(names, group["metadata"].get("name", "core"))
    assert {taken["sc"], taken["po"]} == {"storage.k8s.io", "core"}
    for document in CRDS.values():
        names = document["spec"]["names"]
        for name in (names["plural"], names["singular"], *names["shortNames"]):
            assert name not in taken, f"{name} belongs to {taken[name]}"


@pytest.mark.parametrize("kind", CRDS)
def test_kubectl_explains_every_field(installed: Cluster, kind: str) -> None:
    words = ("explain", f"{plural_of(kind)}.spec")
    until("its OpenAPI is published", lambda: installed.kubectl(*words, check=False).returncode == 0)
    shown = installed.kubectl(*words).stdout
    for name, field in schema_of(kind)["properties"]["spec"]["properties"].items():
        assert f"  {name}\t<" in shown
        assert field["description"].split()[0] in shown


COLUMN_LIST = "additionalPrinterColumns"
CONDITION_OF = re.compile(r'conditions\[\?\(@\.type=="(\w+)"')


@pytest.mark.parametrize("kind", CRDS)
def test_columns_show_what_is_in_the_object(api: Api, kind: str) -> None:
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    plural, body = copied(kind), _plain(kind)
    name = body["metadata"]["name"]
    api.create(plural, COLUMNS, body).accepted()
    if "status" in schema_of(kind)["properties"]:
        status = example(schema_of(kind)["properties"]["status"])
        paths = {column["jsonPath"]: column["type"] for column in CRDS[kind]["spec"]["versions"][0][COLUMN_LIST]}
        wanted = [found[1] for found in map(CONDITION_OF.search, paths) if found]
        if wanted:
            status["conditions"] = [status["conditions"][0] | {"type": type_} for type_ in wanted]
        if paths.get(".status.observedTime") == "date":
            status["observedTime"] = "2026-01-01T00:00:00Z"  # an age is shown of what is past only
        api.merge(plural, COLUMNS, name, {"status": status}, subresource="status").accepted()
    path = api.path(plural, COLUMNS, name)
    table = api.send("GET", path, None, accept=accept).accepted()
    declared = CRDS[kind]["spec"]["versions"][0][COLUMN_LIST]
    shown = table["columnDefinitions"]
    assert [c["name"] for c in shown[1:]] == [c["name"] for c in declared]
    for column, cell in zip(shown, table["rows"][0]["cells"], strict=True):
        assert cell not in (None, "", "<unknown>", "<invalid>"), column["name"]


@pytest.mark.parametrize("kind", CRDS)
def test_selectable_fields_can_be_selected_by(api: Api, kind: str) -> None:
    path = api.path(copied(kind), NAMESPACE)
    for field in CRDS[kind]["spec"]["versions"][0].get("selectableFields", []):
        selector = field["jsonPath"].removeprefix(".") + "=nothing-like-it"
        assert api.send("GET", path, None, fieldSelector=selector).accepted()["items"] == []
    assert api.send("GET", path, None, fieldSelector="spec.reason=x").code == 400
