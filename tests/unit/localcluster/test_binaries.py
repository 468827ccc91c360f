"""Where the programs come from: cache, named folder, build; and what is refused."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from localcluster import binaries, sources
from localcluster.binaries import adopt, cache_folder, check_folder, ensure, is_cached
from localcluster.cachefolder import cache_root
from localcluster.errors import BinariesError
from localcluster.gobuild import build
from localcluster.sources import (
    DEFAULT_KUBERNETES,
    Source,
    chosen_kubernetes,
    etcd_source,
    kube_source,
    kubernetes_ldflags,
    kubernetes_versions,
    required_version,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("WATCHKEEPER_BINARIES", raising=False)
    monkeypatch.delenv("WATCHKEEPER_KUBERNETES", raising=False)
    monkeypatch.setenv("WATCHKEEPER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def program(path: Path, output: str, code: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{output}'\nexit {code}\n")
    path.chmod(0o755)


def fill(folder: Path, *, kubernetes: str = "1.37.1", etcd: str = "3.6.14") -> Path:
    program(folder / "etcd", f"etcd Version: {etcd}\nGit SHA: x\nGo Version: go1.26.8")
    for name in ("kube-apiserver", "kube-controller-manager"):
        program(folder / name, f"Kubernetes v{kubernetes}")
    program(folder / "kubectl", f"Client Version: v{kubernetes}\nKustomize Version: v5.8.1")
    return folder


def silent(_line: str) -> None:
    """Takes the progress that this test does not look at."""


def forbidden(*_: object) -> None:
    raise AssertionError("nothing may be built here")


def fake_go(path: Path, body: str) -> Path:
    """A `go` that runs `body` with $out set to what follows -o."""
    path.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\nout=$2\n' + body)
    path.chmod(0o755)
    return path


def test_the_cache_is_outside_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> None:
    assert cache_root() == cache
    monkeypatch.delenv("WATCHKEEPER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_root() == tmp_path / "xdg" / "watchkeeper"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_root() == tmp_path / "home" / ".cache" / "watchkeeper"


def test_versions_come_from_the_wrapper_modules() -> None:
    assert (kube_source().version, etcd_source().version) == ("1.37.1", "3.6.14")
    with pytest.raises(BinariesError, match=r"requires no release of example\.org/x"):
        required_version("module m\n\nrequire example.org/xy v1.0.0\n", "example.org/x")


@pytest.mark.parametrize("minor", kubernetes_versions())
def test_each_kubernetes_version_has_a_module_of_its_own(minor: str) -> None:
    source = kube_source(minor)
    assert source.minor == minor
    assert source.key().startswith(f"kube-{minor}.")
    go_mod = (source.module / "go.mod").read_text()
    staged = set(re.findall(r"replace (k8s\.io/\S+) => \1 v0\.(\S+)", go_mod))
    assert {release for _, release in staged} == {source.version.partition(".")[2]}
    assert ("k8s.io/apiserver", source.version.partition(".")[2]) in staged
    sums = (source.module / "go.sum").read_text()
    assert all(f"{name} v0.{release} h1:" in sums for name, release in staged if f"\t{name} " in go_mod)


def test_the_version_is_chosen_by_a_variable(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = kubernetes_versions()
    assert known == sorted(known, key=lambda name: int(name[2:]))
    assert chosen_kubernetes() == DEFAULT_KUBERNETES == known[-1]
    monkeypatch.setenv("WATCHKEEPER_KUBERNETES", "")
    assert chosen_kubernetes() == DEFAULT_KUBERNETES, "as the Makefile hands it on"
    cache.mkdir()
    monkeypatch.setattr(binaries, "build", forbidden)
    for minor in known:
        source = kube_source(minor)
        made = fill(tmp_path / f"made-{minor}", kubernetes=source.version)
        adopt(source, made)
    adopt(etcd_source(), fill(tmp_path / "made"))
    for minor in known:
        monkeypatch.setenv("WATCHKEEPER_KUBERNETES", minor)
        assert ensure(silent).apiserver.parent == cache_folder(kube_source(minor))
    monkeypatch.setenv("WATCHKEEPER_KUBERNETES", "1.12")
    with pytest.raises(BinariesError, match=f"WATCHKEEPER_KUBERNETES=1.12: choose one of {', '.join(known)}"):
        ensure(silent)


def test_the_version_is_stamped_into_kubernetes() -> None:
    flags = kubernetes_ldflags("1.37.1")
    assert "-X k8s.io/component-base/version.gitVersion=v1.37.1 " in flags
    assert "version.gitMinor=37 " in flags


def test_the_key_changes_with_all_that_decides_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(sources.GOMOD / "etcd", tmp_path / "mod" / "etcd")
    monkeypatch.setattr(sources, "GOMOD", tmp_path / "mod")
    source = Source("etcd", "3.6.14", {"etcd": "p"}, "-s")
    keys = {source.key(), replace(source, version="3.6.15").key(), replace(source, ldflags="-w").key()}
    with (tmp_path / "mod" / "etcd" / "go.sum").open("a") as handle:
        handle.write("more\n")
    keys.add(source.key())
    monkeypatch.setattr(sources, "BUILD_FLAGS", ("-race",))
    keys.add(source.key())
    assert len(keys) == 5
    assert all(re.fullmatch(r"etcd-3\.6\.\d+-\w+-[0-9a-f]{12}", key) for key in keys)


def test_a_second_run_builds_nothing(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds: list[str] = []

    def built(source: Source, _go: Path, into: Path, _report: object) -> None:
        builds.append(source.name)
        fill(tmp_path / "built")
        for name in source.programs:
            shutil.copy2(tmp_path / "built" / name, into)

    monkeypatch.setattr(binaries, "build", built)
    monkeypatch.setattr(binaries, "find_go", lambda _report: Path("go"))
    first = ensure(silent)
    assert builds == ["etcd", "kube"]
    assert first.kubectl == cache_folder(kube_source()) / "kubectl"
    assert first.kubectl.is_relative_to(cache)
    assert ensure(forbidden) == first
    assert builds == ["etcd", "kube"]
    first.apiserver.write_text("shorter")
    assert ensure(silent) == first
    assert builds == ["etcd", "kube", "kube"], "a damaged program is built anew, the sound one is not"


@pytest.mark.parametrize("damage", ["stamp", "program", "mode"])
def test_an_incomplete_cache_folder_does_not_count(tmp_path: Path, damage: str) -> None:
    cache_root().mkdir()
    source = etcd_source()
    folder = adopt(source, fill(tmp_path / "made"))
    assert is_cached(source)
    if damage == "stamp":
        (folder / "stamp.json").write_text("{")
    elif damage == "program":
        (folder / "etcd").unlink()
    else:
        (folder / "etcd").chmod(0o644)
    assert is_cached(source) == (damage == "mode" and os.geteuid() == 0 and os.access(folder / "etcd", os.X_OK))


def test_the_named_folder_is_used_before_anything_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "build", forbidden)
    folder = fill(tmp_path / "mine")
    monkeypatch.setenv("WATCHKEEPER_BINARIES", str(folder))
    found = ensure(silent)
    assert (found.etcd, found.apiserver) == (folder / "etcd", folder / "kube-apiserver")


def test_a_named_folder_with_other_versions_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "build", forbidden)
    folder = fill(tmp_path / "mine", kubernetes="1.36.2")
    (folder / "kubectl").unlink()
    monkeypatch.setenv("WATCHKEEPER_BINARIES", str(folder))
    with pytest.raises(BinariesError) as refused:
        ensure(silent)
    message = str(refused.value)
    assert "kube-apiserver: version 1.36.2, needed 1.37" in message
    assert "kube-controller-manager: version 1.36.2, needed 1.37" in message
    assert "kubectl: does not run" in message
    assert "unset WATCHKEEPER_BINARIES" in message


@pytest.mark.parametrize(("output", "code"), [("etcd", 0), ("etcd Version: 3.6.14", 1)])
def test_a_program_that_does_not_tell_its_version_is_refused(tmp_path: Path, output: str, code: int) -> None:
    program(tmp_path / "etcd", output, code)
    with pytest.raises(BinariesError, match=f"etcd: does not tell its version .exit code {code}"):
        check_folder(tmp_path, etcd_source())


def test_another_patch_release_will_do(tmp_path: Path) -> None:
    program(tmp_path / "etcd", "etcd Version: 3.6.2")
    check_folder(tmp_path, etcd_source())


def test_a_build_shows_its_programs_and_time(tmp_path: Path) -> None:
    go = fake_go(tmp_path / "go", 'echo "$GOTOOLCHAIN $CGO_ENABLED" > "$out"\n')
    lines: list[str] = []
    build(kube_source(), go, tmp_path, lines.append)
    assert (tmp_path / "kube-apiserver").read_text() == "local 0\n"
    assert [line for line in lines if re.search(r"kube-controller-manager 1\.37\.1 \(2 of 3\): built in \d+ s", line)]


def test_a_build_that_fails_says_why_and_caches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = fake_go(tmp_path / "go", 'echo half > "$out"; echo "no space left" >&2; exit 1\n')
    monkeypatch.setattr(binaries, "find_go", lambda _report: go)
    with pytest.raises(BinariesError, match=r"building etcd 3\.6\.14 .*failed:\nno space left"):
        ensure(silent)
    assert sorted(path.name for path in cache_root().iterdir()) == ["etcd.lock"]


def test_two_runs_do_not_build_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = fake_go(tmp_path / "go", f'sleep 0.2; echo x >> {tmp_path}/count; echo x > "$out"; chmod +x "$out"\n')
    monkeypatch.setattr(binaries, "find_go", lambda _report: go)
    lines: list[str] = []
    threads = [threading.Thread(target=ensure, args=(lines.append,)) for _ in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    assert len((tmp_path / "count").read_text().split()) == 4, "four programs, each once"
    assert "another process is preparing etcd; waiting for it" in lines
