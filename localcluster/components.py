"""The command lines of etcd, kube-apiserver and kube-controller-manager, and the files that they read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from localcluster.binaries import Binaries
from localcluster.kubeconfig import Endpoint, certificate_user, write_kubeconfig
from localcluster.pki import Authority, new_key, private_pem, public_pem, write_private

SERVICE_RANGE = "10.96.0.0/16"
_FIRST_SERVICE = "10.96.0.1"  # of the Service kubernetes.default
_ISSUER = "https://kubernetes.default.svc.cluster.local"
_QUIET_USERS = ["system:apiserver", "system:kube-controller-manager"]
GO_ENVIRONMENT = {"GOGC": "300"}
"""Collect garbage a third as often: kube-apiserver takes a tenth less of the processor, and 0.6 GB of memory instead of 0.4."""
OWN_GROUP = "watchkeeper.dev"
AUDIT_SAMPLE = Path(__file__).parents[1] / "manifests" / "samples" / "apiserver-audit" / "policy.yaml"


@dataclass(frozen=True)
class Layout:
    """The state folder and the ports of one control plane."""

    folder: Path
    etcd_port: int
    peer_port: int
    api_port: int
    kcm_port: int

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.folder / "pki"

    @property
    def audit_log(self) -> Path:
        """One JSON line per request to the API."""
        return self.folder / "audit.log"

    @property
    def server(self) -> str:
        """The address of the API."""
        return f"https://127.0.0.1:{self.api_port}"


def write_files(layout: Layout) -> Authority:
    """Write keys, certificates, the audit policy and the kubeconfigs of admin and kcm; gives the cluster's authority."""
    layout.pki.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = Authority("localcluster")
    authority.pair.write(layout.pki, "ca")
    hosts = ["127.0.0.1", "localhost", _FIRST_SERVICE, "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    authority.server("kube-apiserver", [*hosts, "kubernetes.default.svc.cluster.local"]).write(layout.pki, "apiserver")
    token_key = new_key()
    write_private(layout.pki / "sa.key", private_pem(token_key))
    (layout.pki / "sa.pub").write_bytes(public_pem(token_key))
    (layout.folder / "audit-policy.json").write_text(json.dumps(audit_policy()))
    endpoint = Endpoint(layout.server, authority.pair.certificate)
    people = {"admin": ("admin", ["system:masters"]), "kcm": ("system:kube-controller-manager", [])}
    for name, (user, groups) in people.items():
        pair = authority.client(user, groups)
        pair.write(layout.pki, name)
        write_kubeconfig(layout.folder / f"{name}.kubeconfig", endpoint, certificate_user(pair))
    return authority


def audit_policy() -> dict[str, object]:
    """The rules of our sample, bodies for all of our own kinds, the bare facts for everything else, nothing of the control plane's own."""
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "users": _QUIET_USERS},
            {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
            {"level": "None", "nonResourceURLs": ["/readyz*", "/livez*", "/healthz*"]},
            *yaml.safe_load(AUDIT_SAMPLE.read_text(encoding="utf-8"))["rules"],
            {"level": "RequestResponse", "resources": [{"group": OWN_GROUP}]},
            {"level": "Metadata"},
        ],
    }


def etcd_command(binaries: Binaries, layout: Layout) -> list[str]:
    """A single member that does not wait for the disk: its data is thrown away."""
    client, peer = f"http://127.0.0.1:{layout.etcd_port}", f"http://127.0.0.1:{layout.peer_port}"
    return [
        str(binaries.etcd),
        f"--data-dir={layout.folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--socket-reuse-port",
    ]


def apiserver_command(binaries: Binaries, layout: Layout) -> list[str]:
    """Client certificates and ServiceAccount tokens, RBAC, and an audit log."""
    pki = layout.pki
    return [
        str(binaries.apiserver),
        f"--etcd-servers=http://127.0.0.1:{layout.etcd_port}",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.api_port}",
        "--permit-port-sharing",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--service-account-issuer={_ISSUER}",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=RBAC",
        f"--audit-policy-file={layout.folder / 'audit-policy.json'}",
        f"--audit-log-path={layout.audit_log}",
        "--audit-log-maxsize=0",  # the file is read as it grows, so it must not be rotated away
    ]


def kcm_command(binaries: Binaries, layout: Layout) -> list[str]:
    """All controllers; at the default API rate the first ServiceAccounts would come 5 s later."""
    kubeconfig = layout.folder / "kcm.kubeconfig"
    pki = layout.pki
    return [
        str(binaries.controller_manager),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.kcm_port}",
        "--permit-port-sharing",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--service-account-private-key-file={pki / 'sa.key'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    ]
