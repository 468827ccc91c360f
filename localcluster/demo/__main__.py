"""``python -m localcluster.demo [--keep]``."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from localcluster.demo.narrator import StoryError
from localcluster.demo.stage import NAMESPACE, PEOPLE, SUBJECT, Stage
from localcluster.demo.story import tell
from localcluster.errors import LocalClusterError


def main() -> int:
    """0 only if the story went as it must."""
    parser = argparse.ArgumentParser(prog="make demo", description="The main story, for real, on this machine.")
    parser.add_argument("--keep", action="store_true", help="leave everything running to play with, until Ctrl-C")
    arguments = parser.parse_args()
    print("starting a control plane, a simulated TiKV cluster, a Prometheus and the operator …", flush=True)
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
    folder = Path(sys.executable).parent
    print("\nEverything keeps running until Ctrl-C. In another terminal:")
    print(f"  export PATH={folder}:{stage.cluster.kubectl_program.parent}:$PATH")
    print(f"  export KUBECONFIG={stage.cluster.admin}   # may do everything; as a person: --kubeconfig")
    print(f"  kubectl -n {NAMESPACE} get watchkeeper")
    print(f"  kubectl watchkeeper -n {NAMESPACE} status")
    print(f"  kubectl watchkeeper -n {NAMESPACE} propose {SUBJECT}")
    print(
        f"  kubectl watchkeeper -n {NAMESPACE} propose {SUBJECT} drain-store store=tikv-4 seconds=120 --reason 'to try'"
    )
    print(
        "  alice proposes, cancels and holds; bob approves and acknowledges; carol stops, resumes and gives the orders:"
    )
    for person in PEOPLE:
        print(f"    --kubeconfig {stage.cluster.kubeconfig(person)}")
    print("  hurt the cluster, and look at it (docs/simulator.md):")
    print(f"    export WATCHKEEPER_SIMULATOR={stage.simulator.control}")
    print("    python -m watchkeeper.simulator fault inject pd-quorum-lost")
    print("    python -m watchkeeper.simulator fault heal")
    if stage.operator is not None:
        print(f"  the operator's log: tail -f {stage.operator.log}")
        print(f"  its record: watchkeeper audit verify {stage.operator.audit_file} --without-checkpoints")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    sys.exit(main())
