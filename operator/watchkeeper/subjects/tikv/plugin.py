"""Connecting to a TiKV cluster: endpoints, credentials, budget."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping

import httpx

from watchkeeper.api.v1alpha1.subject import Subject, TiKVConnection
from watchkeeper.errors import Denied, Gone, Invalid, Transient
from watchkeeper.ports.driver import ActionDefinition, SubjectDriver
from watchkeeper.ports.environment import Environment
from watchkeeper.subjects.tikv.catalog import ACTIONS
from watchkeeper.subjects.tikv.driver import TiKVDriver
from watchkeeper.subjects.tikv.pd.budget import Budget
from watchkeeper.subjects.tikv.pd.client import PDClient
from watchkeeper.subjects.tikv.pd.tls import client_context, no_tls
from watchkeeper.subjects.tikv.pd.transport import Security


class TiKVPlugin:
    """Implements `ports.environment.SubjectPlugin`.

    Args:
        transport: for tests: what requests go over instead of sockets.
    """

    def __init__(self, transport: Callable[[], httpx.AsyncBaseTransport] | None = None) -> None:
        self._transport = transport

    def definitions(self) -> Mapping[str, ActionDefinition]:
        """Every action of the catalog."""
        return {name: action.definition for name, action in ACTIONS.items()}

    async def connect(self, subject: Subject, environment: Environment) -> SubjectDriver:
        """A driver for the Subject; its Secret is read once and kept in memory.

        Raises:
            Invalid: the connection makes no sense.
            Transient: the Secret is not there (yet), or cannot be read now.
            Denied: the operator may not read the Secret.
        """
        connection = subject.spec.tikv
        if connection is None:
            raise Invalid(["spec.tikv: is required for type TiKV: say how to reach PD"])
        endpoints = _endpoints(subject, connection)
        context = await _context(subject, connection, environment, https=endpoints[0].startswith("https:"))
        clock = environment.clock
        known = subject.status.cluster_id
        client = PDClient(
            endpoints,
            security=Security(context, f"watchkeeper/{subject.metadata.namespace}", self._transport),
            budget=Budget(rate=environment.reads_per_second, burst=environment.read_burst, monotonic=clock.monotonic),
            cluster_id=int(known) if known and known.isdigit() else None,
        )
        return TiKVDriver(subject, client, environment)


def _endpoints(subject: Subject, connection: TiKVConnection) -> tuple[str, ...]:
    if connection.service_ref is not None:
        scheme = "https" if connection.tls_secret_ref is not None else "http"
        service = connection.service_ref
        return (f"{scheme}://{service.name}.{subject.metadata.namespace}.svc:{service.port}",)
    given = connection.endpoints or ()
    if not given:
        raise Invalid(["spec.tikv: needs exactly one of endpoints and serviceRef"])
    schemes = {endpoint.partition(":")[0] for endpoint in given}
    problems: list[str] = []
    if len(schemes) > 1:
        problems.append("spec.tikv.endpoints: http and https cannot be mixed")
    if connection.tls_secret_ref is not None and "http" in schemes:
        problems.append("spec.tikv.endpoints: must be https, since tlsSecretRef is given")
    if problems:
        raise Invalid(problems)
    return given


async def _context(
    subject: Subject, connection: TiKVConnection, environment: Environment, *, https: bool
) -> ssl.SSLContext:
    if connection.tls_secret_ref is None:
        return ssl.create_default_context() if https else no_tls()
    name = connection.tls_secret_ref.name
    try:
        data = await environment.surroundings.secret(subject.metadata.namespace, name)
    except Gone as error:
        text = f"Secret {name} (spec.tikv.tlsSecretRef) is not there: create it with ca.crt, tls.crt and tls.key"
        raise Transient(text, reason="SecretMissing") from error
    except Denied as error:
        text = f"Secret {name} may not be read: the operator needs a Role for it as in manifests/samples/secret-reader.yaml"
        raise Denied(f"{text} ({error.message})") from error
    return client_context(data, secret=name)
