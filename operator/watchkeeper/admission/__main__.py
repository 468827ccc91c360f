"""Write `manifests/` from the rendering in this package, or with `--check` say whether it is up to date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from watchkeeper.admission.files import run
from watchkeeper.admission.install import COMMAND, manifest_files


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 when `--check` found a difference."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 when a file differs")
    parser.add_argument(
        "--folder", type=Path, default=Path("manifests"), help="where the files go (default: manifests)"
    )
    chosen = parser.parse_args(arguments)
    code, line = run(chosen.folder, manifest_files(), check=chosen.check, command=COMMAND)
    print(line)
    return code


if __name__ == "__main__":
    sys.exit(main())
