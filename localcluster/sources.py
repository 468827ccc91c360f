"""Which programs a control plane needs, at which version, and how they are built.

The versions are those of the wrapper modules in ``gomod/``, so that go.mod is the only place that names them.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localcluster.errors import BinariesError

GOMOD = Path(__file__).parent / "gomod"
KUBERNETES_VARIABLE = "WATCHKEEPER_KUBERNETES"
DEFAULT_KUBERNETES = "1.37"
BUILD_FLAGS = ("-mod=readonly", "-buildvcs=false", "-trimpath", "-p=2")
BUILD_ENVIRONMENT = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
_COMPONENT_VERSION = "k8s.io/component-base/version"


@dataclass(frozen=True)
class Source:
    """One wrapper module: its programs (name → Go package) and the version that they share, without the v."""

    name: str
    version: str
    programs: Mapping[str, str]
    ldflags: str
    directory: str = ""
    """Where below ``gomod/`` its module is, if not under its name."""

    @property
    def module(self) -> Path:
        """The folder with go.mod and go.sum."""
        return GOMOD / (self.directory or self.name)

    @property
    def minor(self) -> str:
        """Major and minor version, such as ``1.37``."""
        return ".".join(self.version.split(".")[:2])

    def key(self) -> str:
        """Name, version and a hash of all that decides what the build gives; the cache folder has this name."""
        digest = hashlib.sha256()
        for part in (self.version, self.ldflags, *BUILD_FLAGS, *sorted(self.programs), platform.system()):
            digest.update(part.encode() + b"\0")
        for file in ("go.mod", "go.sum"):
            digest.update((self.module / file).read_bytes() + b"\0")
        return f"{self.name}-{self.version}-{platform.machine()}-{digest.hexdigest()[:12]}"


def required_version(go_mod: str, module: str) -> str:
    """The version, without the v, at which the text of a go.mod requires `module`."""
    found = re.search(rf"^\s*(?:require\s+)?{re.escape(module)} v(\d+\.\d+\.\d+)\b", go_mod, re.MULTILINE)
    if found is None:
        raise BinariesError(f"go.mod requires no release of {module}: run `git status localcluster/gomod`")
    return found[1]


def kubernetes_ldflags(version: str) -> str:
    """The version is stamped in, as upstream's build does: without it the server reports one that is not semver."""
    major, minor, _ = version.split(".")
    stamps = {
        "gitVersion": f"v{version}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "proxy",
    }
    return "-s -w " + " ".join(f"-X {_COMPONENT_VERSION}.{name}={value}" for name, value in stamps.items())


def etcd_source() -> Source:
    """Etcd, from ``gomod/etcd``."""
    package = "go.etcd.io/etcd/server/v3"
    version = required_version((GOMOD / "etcd" / "go.mod").read_text(), package)
    return Source("etcd", version, {"etcd": package}, "-s -w")


def kubernetes_versions() -> list[str]:
    """The minor versions of Kubernetes that there is a wrapper module for, the oldest first."""
    names = (go_mod.parent.name for go_mod in (GOMOD / "kube").glob("*/go.mod"))
    return sorted(names, key=lambda name: int(name.split(".")[1]))


def chosen_kubernetes() -> str:
    """The minor version that ``$WATCHKEEPER_KUBERNETES`` names, else the default.

    Raises:
        BinariesError: there is no wrapper module for it.
    """
    chosen = os.environ.get(KUBERNETES_VARIABLE) or DEFAULT_KUBERNETES
    if chosen not in (known := kubernetes_versions()):
        raise BinariesError(f"{KUBERNETES_VARIABLE}={chosen}: choose one of {', '.join(known)}")
    return chosen


def kube_source(minor: str = DEFAULT_KUBERNETES) -> Source:
    """The three programs of one Kubernetes version, from ``gomod/kube/MINOR``.

    kubectl belongs to them: upstream supports it beside servers of the same minor version and of one above or below.
    """
    directory = f"kube/{minor}"
    version = required_version((GOMOD / directory / "go.mod").read_text(), "k8s.io/kubernetes")
    programs = {
        name: f"k8s.io/kubernetes/cmd/{name}" for name in ("kube-apiserver", "kube-controller-manager", "kubectl")
    }
    return Source("kube", version, programs, kubernetes_ldflags(version), directory)


def all_sources(minor: str = DEFAULT_KUBERNETES) -> tuple[Source, Source]:
    """Everything a control plane of that Kubernetes version is made of, the quick build first."""
    return etcd_source(), kube_source(minor)
