"""The allow-list: exactly these requests can be made, with the bodies that were recorded."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.recordings import Exchange, exchanges
from watchkeeper.subjects.tikv.pd import routes
from watchkeeper.subjects.tikv.pd.routes import Read, Write

V1 = "/pd/api/v1"


def everything() -> list[Read | Write]:
    """Every constant, and every function of the module called with ids 1, 2, 3."""
    made: list[Read | Write] = [value for value in vars(routes).values() if isinstance(value, Read)]
    for name, function in inspect.getmembers(routes, inspect.isfunction):
        if not name.startswith("_") and function.__module__ == routes.__name__:
            made.append(function(*range(1, 1 + len(inspect.signature(function).parameters))))
    return made


def test_exactly_these_requests_can_be_made() -> None:
    made = {
        (("GET", one.path, one.query) if isinstance(one, Read) else (one.method, one.path, "")) for one in everything()
    }
    assert made == {
        ("GET", f"{V1}/members", ""),
        ("GET", f"{V1}/health", ""),
        ("GET", f"{V1}/stores", ""),
        ("GET", f"{V1}/store/1", ""),
        ("GET", f"{V1}/config/replicate", ""),
        ("GET", f"{V1}/config/schedule", ""),
        ("GET", f"{V1}/schedulers", ""),
        ("GET", f"{V1}/schedulers", "status=paused"),
        ("GET", f"{V1}/scheduler-config/evict-leader-scheduler/list", ""),
        ("GET", f"{V1}/scheduler-config/grant-leader-scheduler/list", ""),
        ("GET", f"{V1}/gc/safepoint", ""),
        ("GET", f"{V1}/regions/check/down-peer", ""),
        ("GET", f"{V1}/regions/check/pending-peer", ""),
        ("GET", f"{V1}/region/id/1", ""),
        ("GET", f"{V1}/config/rules/region/1/detail", ""),
        ("GET", f"{V1}/operators/1", ""),
        ("POST", f"{V1}/operators", ""),
        ("POST", f"{V1}/schedulers", ""),
        ("DELETE", f"{V1}/schedulers/evict-leader-scheduler-1", ""),
    }


def test_nothing_dangerous_can_be_made() -> None:
    for one in everything():
        text = one.path + (one.query if isinstance(one, Read) else "")
        assert "force" not in text
        assert not one.path.startswith(f"{V1}/regions/store")
        assert one.path != f"{V1}/regions"
        if isinstance(one, Write) and one.method == "DELETE":
            assert one.path.rpartition("-")[2].isdigit()


@pytest.mark.parametrize("bad", ["5", "5?force", 5.5, -1, 0, True, None, 2**63])
@pytest.mark.parametrize("make", [routes.region, routes.store, routes.region_fit, routes.region_operator])
def test_only_whole_numbers_get_into_a_path(make: Any, bad: Any) -> None:
    with pytest.raises(ValueError, match="not an id"):
        make(bad)


@pytest.mark.parametrize("bad", ["5", 5.0, -1, 0, False])
def test_only_whole_numbers_get_into_a_body(bad: Any) -> None:
    makers: list[Callable[[], Write]] = [
        lambda: routes.transfer_leader(bad, 1),
        lambda: routes.transfer_leader(1, bad),
        lambda: routes.transfer_peer(1, 2, bad),
        lambda: routes.evict_leaders(bad),
        lambda: routes.stop_evicting_leaders(bad),
    ]
    for make in makers:
        with pytest.raises(ValueError, match="not an id"):
            make()


def _recorded(file: str, exchange: str) -> Exchange:
    return next(one for one in exchanges(file) if one.id == exchange)


@pytest.mark.parametrize(
    ("write", "file", "exchange"),
    [
        (routes.transfer_leader(15, 1), "operators-transfer-leader.json", "tl-03"),
        (routes.transfer_peer(11, 1, 4), "operators-transfer-peer.json", "tp-02"),
        (routes.evict_leaders(3), "schedulers-evict-leader.json", "ev-12"),
        (routes.stop_evicting_leaders(4), "schedulers-evict-leader.json", "ev-36"),
    ],
)
def test_writes_are_as_recorded(write: Write, file: str, exchange: str) -> None:
    recorded = _recorded(file, exchange)
    assert recorded.response["status"] == 200
    assert (write.method, write.path) == (recorded.request["method"], recorded.request["path"])
    sent = json.loads(json.dumps(write.body)) if write.body is not None else None
    assert sent == recorded.request.get("json")
