"""Write `crds/` and `docs/reference/` from the models, or with `--check` say whether they are up to date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from watchkeeper.admission.files import run
from watchkeeper.crdgen.document import COMMAND, crd_files
from watchkeeper.crdgen.reference import reference_files


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 when `--check` found a difference."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 when a file differs")
    parser.add_argument("--folder", type=Path, default=Path("crds"), help="where the CRDs go (default: crds)")
    parser.add_argument(
        "--reference", type=Path, default=Path("docs/reference"), help="where the pages go (default: docs/reference)"
    )
    chosen = parser.parse_args(arguments)
    crds = run(chosen.folder, crd_files(), check=chosen.check, command=COMMAND)
    pages = run(chosen.reference, reference_files(), check=chosen.check, command=COMMAND, suffix=".md")
    print(crds[1])
    print(pages[1])
    return max(crds[0], pages[0])


if __name__ == "__main__":
    sys.exit(main())
