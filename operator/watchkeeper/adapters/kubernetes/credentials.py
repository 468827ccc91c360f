"""Where the API server is and who we are: from a kubeconfig, or from the pod's ServiceAccount."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from watchkeeper.errors import Invalid

KUBECONFIG = "KUBECONFIG"
IN_CLUSTER = "KUBERNETES_SERVICE_HOST"


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


async def load(kubeconfig: Path | None = None) -> Configuration:
    """Load from `kubeconfig`, else from the files that $KUBECONFIG names, else from the pod's ServiceAccount.

    `~/.kube/config` is never used unless it is named: an operator must not act on whatever cluster its user looked at last.

    Raises:
        Invalid: nothing is there, or it makes no sense.
    """
    configuration = Configuration()
    named = str(kubeconfig) if kubeconfig is not None else os.environ.get(KUBECONFIG)
    try:
        if named:
            await _load_files(named, configuration)
        elif os.environ.get(IN_CLUSTER):
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # theirs to annotate
        else:
            raise Invalid(
                [f"{KUBECONFIG}: not set, and this is no pod: name a kubeconfig in ${KUBECONFIG}"],
                reason="NoCredentials",
            )
    except (ConfigException, yaml.YAMLError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        where = named or "ServiceAccount"
        raise Invalid([f"{where}: cannot be used to reach the API server: {error}"], reason="NoCredentials") from error
    return configuration


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


async def _load_files(named: str, configuration: Configuration) -> None:
    files = [path for path in named.split(os.pathsep) if path]
    if not any(_exists(path) for path in files):
        raise Invalid([f"{path}: no such kubeconfig" for path in files], reason="NoCredentials")
    await load_kube_config(  # type: ignore[no-untyped-call]  # theirs to annotate
        config_file=named, client_configuration=configuration, persist_config=False
    )


def _exists(path: str) -> bool:
    return Path(path).expanduser().exists()
