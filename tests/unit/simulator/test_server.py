from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from watchkeeper.simulator import Endpoints, Scenario, Simulator, WorkloadSpec
from watchkeeper.simulator.faults import RouteFault
from watchkeeper.simulator.serving.listen import HIGHEST_PORT, Listen
from watchkeeper.simulator.world.registration import StoreSpec, register

V1 = "/pd/api/v1"


@pytest.fixture
async def served() -> AsyncIterator[tuple[Simulator, Endpoints]]:
    """Three members, time driven by hand."""
    simulator = Simulator(Scenario(members=3))
    endpoints = await simulator.start()
    try:
        yield simulator, endpoints
    finally:
        await simulator.stop()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=5) as client:
        yield client


async def fault(http: httpx.AsyncClient, endpoints: Endpoints, **body: Any) -> httpx.Response:
    return await http.post(f"{endpoints.control}/faults", json=body)


async def test_every_member_answers_and_tells_where_it_is(
    served: tuple[Simulator, Endpoints], http: httpx.AsyncClient
) -> None:
    _, endpoints = served
    for url in endpoints.pd:
        members = (await http.get(f"{url}{V1}/members")).json()["members"]
        assert [member["client_urls"] for member in members] == [[one] for one in endpoints.pd]


async def test_encoded_paths_and_queries_arrive_as_they_were_sent(
    served: tuple[Simulator, Endpoints], http: httpx.AsyncClient
) -> None:
    simulator, endpoints = served
    answer = await http.get(f"{endpoints.pd[0]}{V1}/config/region-label/rule/keyspaces%2F0?watchkeeper=a%2Fb/1/2")
    assert answer.headers["date"] == "Sat, 21 Nov 2026 02:31:00 GMT"
    (request,) = simulator.requests
    assert (request.path, request.attempt, request.status) == (
        f"{V1}/config/region-label/rule/keyspaces%2F0",
        "a/b/1/2",
        200,
    )


async def test_a_dead_member_refuses_connections_and_is_back_on_its_port(
    served: tuple[Simulator, Endpoints], http: httpx.AsyncClient
) -> None:
    simulator, endpoints = served
    await http.get(f"{endpoints.pd[1]}{V1}/ping")
    made = await fault(http, endpoints, kind="pd-member-down", member="pd-1")
    await asyncio.sleep(0.2)
    with pytest.raises(httpx.TransportError):
        await http.get(f"{endpoints.pd[1]}{V1}/ping")
    healed = await http.delete(f"{endpoints.control}/faults/{made.json()['id']}")
    assert healed.json() == {"healed": 1}
    await asyncio.sleep(0.1)
    assert (await http.get(f"{endpoints.pd[1]}{V1}/ping")).status_code == 200
    assert simulator.members.leader == "pd-0"


async def test_a_hung_member_and_a_dropped_answer_leave_the_client_waiting(
    served: tuple[Simulator, Endpoints], http: httpx.AsyncClient
) -> None:
    simulator, endpoints = served
    await fault(http, endpoints, kind="pd-member-hung", member="pd-2")
    with pytest.raises(httpx.ReadTimeout):
        await http.get(f"{endpoints.pd[2]}{V1}/ping", timeout=0.2)
    simulator.faults.route(RouteFault(path="/schedulers", method="POST", hangs=True, after=True))
    with pytest.raises(httpx.ReadTimeout):
        await http.post(
            f"{endpoints.pd[0]}{V1}/schedulers", json={"name": "evict-leader-scheduler", "store_id": 1}, timeout=0.2
        )
    assert simulator.evicted_stores == [1]


def two_free_ports() -> int:
    """The first of two ports in a row that nobody has."""
    for first in range(24_000, 30_000, 2):
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", first))
                other.bind(("127.0.0.1", first + 1))
            except OSError:
                continue
            return first
    raise AssertionError("no two ports in a row are free")


async def test_ports_and_the_advertised_host_are_as_asked(http: httpx.AsyncClient) -> None:
    simulator = Simulator(Scenario(stores=2, regions=2))
    first = two_free_ports()
    endpoints = await simulator.start(Listen(advertise="localhost", status_port=first))
    other = Simulator(Scenario(stores=2, regions=2))
    try:
        assert list(endpoints.status.values()) == [f"http://localhost:{first}", f"http://localhost:{first + 1}"]
        members = (await http.get(f"{endpoints.pd[0]}{V1}/members")).json()["members"]
        assert members[0]["client_urls"] == [endpoints.pd[0]]
        with pytest.raises(OSError, match="address already in use"):
            await other.start(Listen(status_port=first))
    finally:
        await simulator.stop()


async def test_a_store_that_joins_behind_the_last_port_gets_a_free_one(http: httpx.AsyncClient) -> None:
    simulator = Simulator(Scenario(stores=1, regions=2))
    await simulator.start(Listen(status_port=HIGHEST_PORT))
    try:
        register(simulator.world, StoreSpec(id=9, address="tikv-9.tikv:20160"), "8.5.7")
        await asyncio.sleep(0.05)
        urls = [target["targets"][0] for target in simulator.scrape_targets()]
        assert len(urls) == 2
        assert (await http.get(f"http://{urls[1]}/metrics")).status_code == 200
    finally:
        await simulator.stop()


async def test_an_answer_that_is_cut_short_is_an_error_for_the_client(
    served: tuple[Simulator, Endpoints], http: httpx.AsyncClient
) -> None:
    _, endpoints = served
    await fault(http, endpoints, kind="pd-route", path="/stores", is_cut=True, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await http.get(f"{endpoints.pd[0]}{V1}/stores")
    assert len((await http.get(f"{endpoints.pd[0]}{V1}/stores")).json()["stores"]) == 6


async def test_latency_is_real_and_a_wait_of_pd_is_not_where_time_stands_still(
    served: tuple[Simulator, Endpoints], http: httpx.AsyncClient
) -> None:
    simulator, endpoints = served
    simulator.faults.route(RouteFault(path="/ping", seconds=0.2))
    began = asyncio.get_running_loop().time()
    await http.get(f"{endpoints.pd[0]}{V1}/ping")
    assert 0.2 <= asyncio.get_running_loop().time() - began < 2
    simulator.faults.hang_member("pd-0")
    simulator.clock.advance(6.5)
    assert (await http.get(f"{endpoints.pd[2]}{V1}/stores")).status_code == 503


async def test_control_shows_state_and_requests_and_moves_time(
    served: tuple[Simulator, Endpoints], http: httpx.AsyncClient
) -> None:
    simulator, endpoints = served
    await http.post(
        f"{endpoints.pd[0]}{V1}/operators", json={"name": "transfer-leader", "region_id": 7, "to_store_id": 2}
    )
    advanced = await http.post(f"{endpoints.control}/clock/advance", json={"seconds": 5})
    assert advanced.json() == {"now": 5.0}
    state = (await http.get(f"{endpoints.control}/state")).json()
    assert (state["pd_leader"], state["region_count"], state["writes"]) == ("pd-0", 66, 1)
    region = (await http.get(f"{endpoints.control}/regions/7")).json()
    assert region["leader_store"] == simulator.region(7).leader_store == 2
    (write,) = (await http.get(f"{endpoints.control}/requests?writes")).json()
    assert (write["method"], write["status"]) == ("POST", 200)
    assert (await http.get(f"{endpoints.control}/requests?since={write['number']}")).json() == []
    refused = await http.post(f"{endpoints.control}/clock/advance", json={"seconds": 1e18})
    assert refused.status_code == 400
    assert "seconds: input should be less than or equal to 86400" in refused.json()["error"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"kind": "store-crash", "store": 99}, "there is no store 99; there are [1, 2, 3, 4, 5, 6]"),
        ({"kind": "store-crash"}, "store: is missing; the fields are seconds, store, kind"),
        ({"kind": "store-crash", "store": "x"}, "store: input should be a valid integer"),
        ({"kind": "store-crash", "store": 1, "extra": True}, "extra: unknown field; allowed are seconds, store, kind"),
        ({"kind": "nonsense"}, "kind: there is no such fault; there are store-crash, store-silent"),
        ({"store": 1}, "kind is missing; it is one of store-crash"),
        ({"kind": "pd-route"}, "say what happens: status, hangs, is_cut or milliseconds"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_wrong_fault_is_400_with_the_reason_and_what_is_allowed(
    served: tuple[Simulator, Endpoints], http: httpx.AsyncClient, body: dict[str, Any], error: str
) -> None:
    simulator, endpoints = served
    answer = await fault(http, endpoints, **body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(error)
    assert simulator.faults.active == []


async def test_faults_in_force_are_listed_and_healed(
    served: tuple[Simulator, Endpoints], http: httpx.AsyncClient
) -> None:
    simulator, endpoints = served
    assert (await fault(http, endpoints, kind="pd-leader-change")).json() == {"id": None}
    assert (await fault(http, endpoints, kind="store-crash", store=1, seconds=60)).json() == {"id": 1}
    assert (await fault(http, endpoints, kind="store-busy", store=2)).json() == {"id": 2}
    shown = (await http.get(f"{endpoints.control}/faults")).json()
    assert [(one["id"], one["kind"], one["since"], one["until"]) for one in shown] == [
        (1, "store-crash", 0.0, 60.0),
        (2, "store-busy", 0.0, None),
    ]
    simulator.clock.advance(61)
    assert (await http.delete(f"{endpoints.control}/faults/1")).json() == {
        "error": "no fault has the id 1; in force: [2]"
    }
    assert (await http.delete(f"{endpoints.control}/faults")).json() == {"healed": 1}
    texts = [one["text"] for one in (await http.get(f"{endpoints.control}/events")).json() if one["about"] == "fault"]
    assert texts == [
        "pd-leader-change has happened",
        "store-crash seconds=60.0 store=1 begins (id 1)",
        "store-busy store=2 begins (id 2)",
        "store-crash seconds=60.0 store=1 is healed (id 1)",
        "store-busy store=2 is healed (id 2)",
    ]


async def test_metrics_of_a_store_follow_its_leaders_and_end_with_it(
    served: tuple[Simulator, Endpoints], http: httpx.AsyncClient
) -> None:
    simulator, endpoints = served
    simulator.workload.set_spec(WorkloadSpec(reads_per_second=660, zipf=0))
    simulator.clock.advance(10)
    text = (await http.get(f"{endpoints.status[2]}/metrics")).text
    assert 'tikv_raftstore_region_count{type="leader"} 11' in text
    assert 'tikv_grpc_msg_duration_seconds_bucket{type="kv_get",priority="unknown",le="+Inf"} 1100' in text
    assert 'tikv_store_size_bytes{type="capacity"} 107374182400' in text
    simulator.faults.kill_store(2)
    with pytest.raises(httpx.TransportError):
        await http.get(f"{endpoints.status[2]}/metrics")
    targets = (await http.get(f"{endpoints.control}/targets")).json()
    assert targets[1]["labels"]["pod"] == "tikv-1"
    assert targets[1]["targets"] == [endpoints.status[2].removeprefix("http://")]


async def test_live_time_goes_by_itself(http: httpx.AsyncClient) -> None:
    simulator = Simulator(factor=50.0)
    endpoints = await simulator.start()
    try:
        await asyncio.sleep(0.3)
        state = (await http.get(f"{endpoints.control}/state")).json()
        assert 10 < state["now"] < 500
    finally:
        await simulator.stop()


async def test_serve_prints_its_endpoints_and_ends_on_a_signal(tmp_path: Path, http: httpx.AsyncClient) -> None:
    scenario, ready = tmp_path / "scenario.yaml", tmp_path / "ready.json"
    scenario.write_text("stores: 4\nzones: 2\nregions: 9\n", encoding="utf-8")
    arguments = [
        "serve",
        "--control-port",
        "0",
        "--members",
        "1",
        "--regions",
        "12",
        "--scenario",
        str(scenario),
        "--ready-file",
        str(ready),
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "watchkeeper.simulator", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 20)
    try:
        endpoints = json.loads(line)
        assert json.loads(ready.read_text(encoding="utf-8")) == endpoints
        state = (await http.get(f"{endpoints['control']}/state")).json()
        assert (len(state["stores"]), state["region_count"]) == (4, 12)
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
        await process.communicate()


async def test_serve_refuses_a_wrong_scenario(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("storez: 4\n", encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "watchkeeper.simulator",
        "serve",
        "--scenario",
        str(scenario),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert b"storez" in errors


async def test_time_that_stands_still_because_of_an_error_is_no_secret() -> None:
    simulator = Simulator(factor=50.0)
    await simulator.start()

    def fail() -> None:
        raise ZeroDivisionError("a defect")

    try:
        simulator.live.check()
        simulator.clock.after(1, fail)
        await asyncio.sleep(0.2)
        with pytest.raises(ZeroDivisionError, match="a defect"):
            simulator.live.check()
    finally:
        with contextlib.suppress(ZeroDivisionError):
            await simulator.stop()


async def test_more_ports_than_members_are_refused() -> None:
    with pytest.raises(ValueError, match="--port is there 2 times, but PD has 1 members"):
        await Simulator(Scenario(members=1)).start(Listen(ports=(0, 0)))
