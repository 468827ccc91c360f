"""TLS as PD does it: with a CA every client needs a certificate of it; names count from two on."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from localcluster.pki import Authority
from watchkeeper.simulator import Endpoints, Scenario, Simulator
from watchkeeper.simulator.serving.listen import Listen
from watchkeeper.simulator.serving.tls import Tls

PING = "/pd/api/v1/ping"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    ca = Authority("pd-ca")
    ca.pair.write(folder, "ca")
    ca.server("pd", ["127.0.0.1"]).write(folder, "pd")
    for name in ("watchkeeper", "somebody"):
        ca.client(name).write(folder, name)
    other = Authority("another-ca")
    other.client("watchkeeper").write(folder, "stranger")
    return folder


@pytest.fixture
def tls(folder: Path) -> Tls:
    return Tls(folder / "pd.crt", folder / "pd.key", folder / "ca.crt")


@asynccontextmanager
async def serving(tls: Tls) -> AsyncIterator[Endpoints]:
    simulator = Simulator(Scenario(stores=3, regions=3))
    endpoints = await simulator.start(Listen(tls=tls))
    try:
        yield endpoints
    finally:
        await simulator.stop()


async def ask(folder: Path, url: str, client: str | None) -> int:
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    if client is not None:
        context.load_cert_chain(folder / f"{client}.crt", folder / f"{client}.key")
    async with httpx.AsyncClient(verify=context, timeout=5) as http:
        return (await http.get(url)).status_code


async def test_with_a_ca_only_clients_of_that_ca_are_served(folder: Path, tls: Tls) -> None:
    async with serving(tls) as endpoints:
        assert endpoints.pd[0].startswith("https://")
        assert await ask(folder, endpoints.pd[0] + PING, "watchkeeper") == 200
        assert await ask(folder, endpoints.status[1] + "/metrics", "watchkeeper") == 200
        for client in (None, "stranger"):
            with pytest.raises(httpx.TransportError):
                await ask(folder, endpoints.pd[0] + PING, client)
        assert await ask(folder, endpoints.control + "/state", None) == 200


async def test_without_a_ca_nobody_needs_a_certificate(folder: Path, tls: Tls) -> None:
    async with serving(replace(tls, ca=None)) as endpoints:
        assert await ask(folder, endpoints.pd[0] + PING, None) == 200


@pytest.mark.parametrize(
    ("allowed", "admitted"), [(("tidb",), True), (("tidb", "watchkeeper"), True), (("tidb", "ticdc"), False)]
)
async def test_names_are_obeyed_from_two_on(folder: Path, tls: Tls, allowed: tuple[str, ...], admitted: bool) -> None:
    async with serving(replace(tls, allowed_cn=allowed)) as endpoints:
        if admitted:
            assert await ask(folder, endpoints.pd[0] + PING, "watchkeeper") == 200
        else:
            with pytest.raises(httpx.TransportError):
                await ask(folder, endpoints.pd[0] + PING, "watchkeeper")


def test_options_that_do_not_fit_together_are_told(folder: Path, tmp_path: Path) -> None:
    assert Tls.of(None, None, None, ()) is None
    with pytest.raises(ValueError, match="needs both --tls-cert and --tls-key"):
        Tls.of(folder / "pd.crt", None, None, ())
    with pytest.raises(ValueError, match="there is no file"):
        Tls.of(folder / "pd.crt", tmp_path / "none.key", None, ())
    with pytest.raises(ValueError, match="--tls-allowed-cn needs --tls-ca"):
        Tls.of(folder / "pd.crt", folder / "pd.key", None, ("tidb",))
    with pytest.raises(ValueError, match="the TLS files cannot be used"):
        Tls(folder / "pd.crt", folder / "ca.key").context()
