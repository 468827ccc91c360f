"""Where the API server is and who we are: from a kubeconfig, or from the pod's ServiceAccount."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from watchkeeper.errors import Invalid

KUBECONFIG = "KUBECONFIG"
IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
DEFAULT_NAMESPACE = "default"
_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_LOADER_LOG = "kubernetes.aio.config.kube_config"
"""Where the library says that an exec plugin failed; it then goes on without credentials."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found: how to reach the API server and who we are, and the namespace that goes with it."""

    configuration: Configuration
    namespace: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What another client (Kopf) needs to connect as we do.

    Paths are files on this machine; `token` comes without its scheme, which is Bearer.
    """

    server: str
    ca_path: str | None
    token: str | None
    certificate_path: str | None
    private_key_path: str | None
    insecure: bool
    proxy: str | None


def for_a_person(named: Path | None) -> Path | None:
    """What to give to `load` for a person's tool, as kubectl does it.

    The file named, else $KUBECONFIG, else the one in the home folder, unless there is none and this is a pod.
    """
    if named is not None or os.environ.get(KUBECONFIG):
        return named
    home = Path.home() / ".kube" / "config"
    return None if os.environ.get(IN_CLUSTER) and not home.exists() else home


async def load(kubeconfig: Path | None = None, context: str | None = None) -> Loaded:
    """Load from `kubeconfig`, else from the files that $KUBECONFIG names, else from the pod's ServiceAccount.

    `~/.kube/config` is never used unless it is named: an operator must not act on whatever cluster its user looked at last.

    Args:
        kubeconfig: a file, or several with the separator of paths between them, as in $KUBECONFIG.
        context: one of the kubeconfig's, instead of its current one.

    Raises:
        Invalid: nothing is there, or it makes no sense, or an exec plugin gave no credentials.
    """
    configuration = Configuration()
    named = str(kubeconfig) if kubeconfig is not None else os.environ.get(KUBECONFIG)
    try:
        if named:
            namespace = await _load_files(named, context, configuration)
        elif os.environ.get(IN_CLUSTER):
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # theirs to annotate
            namespace = _pod_namespace()
        else:
            raise Invalid(
                [f"{KUBECONFIG}: not set, and this is no pod: name a kubeconfig in ${KUBECONFIG}"],
                reason="NoCredentials",
            )
    except (ConfigException, yaml.YAMLError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        where = named or "ServiceAccount"
        raise Invalid([f"{where}: cannot be used to reach the API server: {error}"], reason="NoCredentials") from error
    return Loaded(configuration, namespace or DEFAULT_NAMESPACE)


async def credentials_of(configuration: Configuration) -> Credentials:
    """The same for another client; asks for a fresh token where the source has one."""
    value = await configuration.get_api_key_with_prefix("BearerToken")
    return Credentials(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        token=value.split(None, 1)[-1].strip() if value else None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        insecure=not configuration.verify_ssl,
        proxy=configuration.proxy,
    )


def _pod_namespace() -> str:
    return _POD_NAMESPACE.read_text(encoding="utf-8").strip() if _POD_NAMESPACE.exists() else ""


async def _load_files(named: str, context: str | None, configuration: Configuration) -> str:
    """Load the files; gives the namespace of the context, empty where it names none."""
    files = [path for path in named.split(os.pathsep) if path]
    if not any(_exists(path) for path in files):
        raise Invalid([f"{path}: no such kubeconfig" for path in files], reason="NoCredentials")
    with _complaints() as complaints:
        loader = await load_kube_config(  # type: ignore[no-untyped-call]  # theirs to annotate
            config_file=named, context=context, client_configuration=configuration, persist_config=False
        )
    if complaints and not (configuration.api_key.get("BearerToken") or configuration.cert_file):
        raise Invalid([f"{named}: {complaints[-1]}"], reason="NoCredentials")
    return str(loader.current_context["context"].get("namespace") or "")


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What the library reports as errors to its log meanwhile."""
    found: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    handler, log = Keep(logging.ERROR), logging.getLogger(_LOADER_LOG)
    log.addHandler(handler)
    try:
        yield found
    finally:
        log.removeHandler(handler)


def _exists(path: str) -> bool:
    return Path(path).expanduser().exists()
