"""``python -m localcluster.demo [--keep]``."""

from __future__ import annotations

import argparse
import signal
import sys
import time

from localcluster.demo.narrator import StoryError
from localcluster.demo.stage import NAMESPACE, Stage
from localcluster.demo.story import tell
from localcluster.errors import LocalClusterError


def main() -> int:
    """0 only if the story went as it must."""
    parser = argparse.ArgumentParser(prog="make demo", description="The main story, for real, on this machine.")
    parser.add_argument("--keep", action="store_true", help="leave everything running to play with, until Ctrl-C")
    arguments = parser.parse_args()
    begin = time.monotonic()
    try:
        with Stage() as stage:
            try:
                tell(stage)
            except StoryError:
                _show_log(stage)
                raise
            print(f"\nThe story took {time.monotonic() - begin:.0f} s and went as it must.")
            if arguments.keep:
                _keep(stage)
    except LocalClusterError as error:
        print(f"\nthe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; everything was stopped", file=sys.stderr)
        return 130
    return 0


def _show_log(stage: Stage) -> None:
    if stage.operator is not None:
        print("\nthe end of the operator's log:\n" + stage.operator.process.log_tail(40), file=sys.stderr)


def _keep(stage: Stage) -> None:
    print("\nEverything keeps running until Ctrl-C. Try:")
    print(f"  export KUBECONFIG={stage.cluster.admin}")
    print(f"  kubectl -n {NAMESPACE} get watchkeeper")
    for person in ("alice", "bob", "carol"):
        print(f"  kubectl --kubeconfig {stage.cluster.kubeconfig(person)} -n {NAMESPACE} get ap   # as {person}")
    print(f"  .venv/bin/watchkeeper --kubeconfig {stage.cluster.kubeconfig('bob')} -n {NAMESPACE} status")
    print("  alice proposes and cancels, bob approves, carol stops, resumes and gives the standing orders")
    if stage.operator is not None:
        print(f"  .venv/bin/watchkeeper audit verify {stage.operator.audit_file} --without-checkpoints")
    print(f"  the simulator's control: {stage.simulator.control}/state")
    signal.pause()


if __name__ == "__main__":
    sys.exit(main())
