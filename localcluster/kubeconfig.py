"""Writes and reads kubeconfig files; as JSON, which every reader of kubeconfigs takes for YAML."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcluster.pki import KeyPair, write_private


@dataclass(frozen=True)
class Endpoint:
    """Where an API server (or a proxy before it) is: ``https://host:port``, and the PEM authority that vouches for it."""

    server: str
    ca: bytes


def certificate_user(pair: KeyPair) -> dict[str, str]:
    """The ``user`` entry of somebody who shows a client certificate."""
    return {"client-certificate-data": _base64(pair.certificate), "client-key-data": _base64(pair.key)}


def token_user(token: str) -> dict[str, str]:
    """The ``user`` entry of somebody who shows a bearer token."""
    return {"token": token}


def write_kubeconfig(path: Path, endpoint: Endpoint, user: Mapping[str, str]) -> Path:
    """Write a kubeconfig with one context; the file is readable by its owner only."""
    cluster = {"server": endpoint.server, "certificate-authority-data": _base64(endpoint.ca)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "local",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": "user", "user": dict(user)}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "user"}}],
    }
    write_private(path, json.dumps(content, indent=1).encode())
    return path


def endpoint_of(config: Mapping[str, Any]) -> Endpoint:
    """The endpoint in a kubeconfig with one flattened context, as ``kubectl config view --flatten --minify`` gives."""
    cluster = config["clusters"][0]["cluster"]
    return Endpoint(cluster["server"], base64.b64decode(cluster.get("certificate-authority-data", "")))


def file_name(user: str, groups: Sequence[str], endpoint: Endpoint | None) -> str:
    """A file name for this user: the plain name where it is one and nothing else matters, else with a hash."""
    plain = re.sub(r"[^a-z0-9-]", "-", user.lower())[:40]
    if plain == user and not groups and endpoint is None:
        return f"{plain}.kubeconfig"
    parts = [user, *groups, endpoint.server if endpoint else "", endpoint.ca.decode() if endpoint else ""]
    return f"{plain}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:10]}.kubeconfig"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
