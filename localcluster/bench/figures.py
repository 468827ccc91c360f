"""How figures are shown."""

from __future__ import annotations

import math
from collections.abc import Sequence

_WIDTH = 46


def heading(title: str) -> None:
    """A section."""
    print(f"\n== {title}", flush=True)


def line(label: str, value: str, note: str = "") -> None:
    """One figure."""
    print(f"  {label:<{_WIDTH}} {value}" + (f"   ({note})" if note else ""), flush=True)


def table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Figures that belong together; numbers to the right."""
    cells = [[str(cell) for cell in row] for row in [titles, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(titles))]
    for row in cells:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)), flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is at least as large as that share of them.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float]) -> str:
    """Median, 95th percentile and maximum of seconds, in milliseconds."""
    shown = (percentile(values, 0.5), percentile(values, 0.95), max(values))
    return "P50 {:.0f} ms, P95 {:.0f} ms, max {:.0f} ms".format(*(1000 * value for value in shown))
