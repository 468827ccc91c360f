"""``python -m localcluster binaries|up|down``: what the Makefile calls."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import astuple

from localcluster import detached
from localcluster.binaries import ensure
from localcluster.errors import LocalClusterError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 1 with a message on failure, 130 after an interrupt."""
    parser = argparse.ArgumentParser(
        prog="python -m localcluster", description="a Kubernetes control plane on loopback"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("binaries", help="find or build etcd and the programs of Kubernetes")
    commands.add_parser("up", help="start a cluster that stays, and print how to use it")
    commands.add_parser("down", help="stop the cluster that `up` started")
    command = parser.parse_args(arguments).command
    try:
        {"binaries": _binaries, "up": _up, "down": _down}[command]()
    except LocalClusterError as error:
        print(f"localcluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("localcluster: interrupted", file=sys.stderr)
        return 130
    return 0


def _report(line: str) -> None:
    print(line, flush=True)


def _binaries() -> None:
    """Before a demo or a test this is the first thing that is printed: one line a folder, not one a program."""
    started = time.monotonic()
    folders = dict.fromkeys(program.parent for program in astuple(ensure(_report)))
    took = f"; done after {time.monotonic() - started:.0f} s" if time.monotonic() - started > 1.0 else ""
    _report(f"the control plane's programs: {', '.join(map(str, folders))}{took}")


def _up() -> None:
    cluster = detached.up(_report)
    _report(f"export KUBECONFIG={cluster.admin}")
    _report(f"kubectl of the same version: {ensure(_report).kubectl}")
    _report("people without any rights yet, each with a client certificate:")
    for path in cluster.people:
        _report(f"  KUBECONFIG={path}")


def _down() -> None:
    detached.down(_report)


if __name__ == "__main__":
    sys.exit(main())
