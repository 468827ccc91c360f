"""TLS with a client certificate out of a Secret, over a real socket."""

from __future__ import annotations

import asyncio
import re
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import httpx
import pytest

from localcluster.pki import Authority
from tests.unit.domain.builders import subject
from watchkeeper.api.v1alpha1.meta import LocalRef
from watchkeeper.api.v1alpha1.subject import TiKVConnection
from watchkeeper.errors import Denied, Gone, Invalid, NotConnected, Transient, Unreachable, WatchkeeperError
from watchkeeper.subjects.tikv.pd import routes
from watchkeeper.subjects.tikv.pd.tls import client_context
from watchkeeper.subjects.tikv.pd.transport import Security, fetch
from watchkeeper.subjects.tikv.plugin import TiKVPlugin

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]"


def secret(authority: Authority, user: str = "watchkeeper") -> dict[str, bytes]:
    pair = authority.client(user)
    return {"ca.crt": authority.pair.certificate, "tls.crt": pair.certificate, "tls.key": pair.key}


@asynccontextmanager
async def server(authority: Authority, folder: Path) -> AsyncIterator[str]:
    """PD's listener: it asks for a certificate of its CA."""
    authority.server("pd", ["127.0.0.1"]).write(folder, "pd")
    authority.pair.write(folder, "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pd.crt", folder / "pd.key")
    context.load_verify_locations(folder / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        await listening.wait_closed()


async def ask(endpoint: str, context: ssl.SSLContext) -> int:
    async with Security(context, "watchkeeper/ns").client(1) as http:
        return (await fetch(http, endpoint, routes.HEALTH)).status


async def test_both_sides_show_certificates_of_one_ca(tmp_path: Path) -> None:
    authority = Authority("pd-ca")
    async with server(authority, tmp_path) as endpoint:
        assert await ask(endpoint, client_context(secret(authority), secret="pd-tls")) == 200


async def test_a_server_of_another_ca_is_not_believed(tmp_path: Path) -> None:
    async with server(Authority("pd-ca"), tmp_path) as endpoint:
        with pytest.raises(NotConnected):
            await ask(endpoint, client_context(secret(Authority("other")), secret="pd-tls"))


async def test_without_a_certificate_pd_says_nothing(tmp_path: Path) -> None:
    authority = Authority("pd-ca")
    bare = ssl.create_default_context(cadata=authority.pair.certificate.decode())
    async with server(authority, tmp_path) as endpoint:
        with pytest.raises((NotConnected, Unreachable)) as caught:
            await ask(endpoint, bare)
        assert isinstance(caught.value, WatchkeeperError)


def test_nothing_of_the_key_stays_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    modes: list[int] = []
    load = ssl.SSLContext.load_cert_chain

    def watched(self: ssl.SSLContext, certfile: Path, keyfile: Path) -> None:
        modes.extend(file.stat().st_mode & 0o777 for file in (certfile, keyfile))
        load(self, certfile, keyfile)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watched)
    client_context(secret(Authority("pd-ca")), secret="pd-tls")
    assert modes == [0o600, 0o600]
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_with_a_secret_is_said() -> None:
    good = secret(Authority("pd-ca"))
    with pytest.raises(Invalid) as caught:
        client_context({"ca.crt": good["ca.crt"]}, secret="pd-tls")
    assert caught.value.problems == (
        "spec.tikv.tlsSecretRef: Secret pd-tls has no tls.crt",
        "spec.tikv.tlsSecretRef: Secret pd-tls has no tls.key",
    )
    with pytest.raises(Invalid, match="cannot be used for TLS"):
        client_context({**good, "tls.key": secret(Authority("x"))["tls.key"]}, secret="pd-tls")
    with pytest.raises(Invalid, match="cannot be used for TLS"):
        client_context({**good, "ca.crt": b"rubbish"}, secret="pd-tls")


def test_httpx_is_left_without_proxies_and_redirects() -> None:
    http = Security(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "c").client(1)
    assert not http.follow_redirects
    assert not http.trust_env
    assert isinstance(http, httpx.AsyncClient)


@pytest.mark.parametrize(
    ("answer", "error", "advice"),
    [
        (
            Gone("GET /x: not found"),
            Transient,
            "Secret pd-tls (spec.tikv.tlsSecretRef) is not there: create it with ca.crt",
        ),
        (Denied("GET /x: forbidden"), Denied, "needs a Role for it as in manifests/samples/secret-reader.yaml"),
    ],
    ids=["missing", "no role"],
)
async def test_a_secret_that_cannot_be_read_says_what_to_do(
    answer: WatchkeeperError, error: type[WatchkeeperError], advice: str
) -> None:
    named = subject()
    spec = named.spec.replace(
        tikv=TiKVConnection(endpoints=("https://pd:2379",), tls_secret_ref=LocalRef(name="pd-tls"))
    )
    surroundings = Mock(secret=AsyncMock(side_effect=answer))
    with pytest.raises(error, match=re.escape(advice)):
        await TiKVPlugin().connect(named.replace(spec=spec), Mock(surroundings=surroundings))
