"""The reference of faults and scenarios, written from the code: tables for the command line and for the documentation."""

from __future__ import annotations

from watchkeeper.simulator.faults import FAULTS, Area, Fault
from watchkeeper.simulator.scenariofile import library

BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"
"""What stands around the generated part of the page."""


def field_rows(fault: type[Fault]) -> list[tuple[str, str, str]]:
    """Name, default and meaning of each field of a fault."""
    rows: list[tuple[str, str, str]] = []
    for name, field in fault.model_fields.items():
        if name != "kind":
            default = "needed" if field.is_required() else _shown(field.default)
            rows.append((name, default, field.description or ""))
    return sorted(rows, key=lambda row: (row[1] != "needed", row[0] == "seconds"))


def _shown(value: object) -> str:
    if value is None or value in ("", ()):
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def reference_markdown() -> str:
    """All scenarios and all faults, as the page shows them."""
    lines = ["### Scenarios", "", "| name | what happens |", "| --- | --- |"]
    lines += [f"| `{name}` | **{one.title}.** {one.description} |" for name, one in library().items()]
    for area in Area:
        lines += ["", f"### Faults of {area.value}" if area is not Area.OTHERS else "### Others at work", ""]
        for name, fault in FAULTS.items():
            if fault.area is area:
                lines += [f"#### `{name}`", "", fault.about(), "", *_fields(fault), ""]
        lines.pop()
    return "\n".join(lines) + "\n"


def _fields(fault: type[Fault]) -> list[str]:
    rows = field_rows(fault)
    if not rows:
        return ["It has no fields."]
    return ["| field | default | meaning |", "| --- | --- | --- |"] + [
        f"| `{name}` | {default} | {meaning} |" for name, default, meaning in rows
    ]


def with_reference(page: str) -> str:
    """The page with its generated part written anew.

    Raises:
        ValueError: the page has no place for it.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{reference_markdown()}\n{END}{after}"
