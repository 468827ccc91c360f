"""What can be asked of a Subject: its `status.catalog`."""

from __future__ import annotations

from watchkeeper.api.v1alpha1 import Subject
from watchkeeper.api.v1alpha1.subject import CatalogEntry
from watchkeeper.cli.exits import Exit, Failure
from watchkeeper.cli.options import ObjectFormat
from watchkeeper.cli.parameters import usage
from watchkeeper.cli.plaintext import to_json, to_yaml
from watchkeeper.cli.screen import Screen


def show_catalog(screen: Screen, subject: Subject, output: ObjectFormat | None) -> None:
    """Print every action, those that cannot be asked for now with the reason."""
    entries = subject.status.catalog
    match output:
        case ObjectFormat.JSON:
            screen.text(to_json([entry.wire() for entry in entries]))
        case ObjectFormat.YAML:
            screen.text(to_yaml([entry.wire() for entry in entries]))
        case ObjectFormat.NAME:
            for entry in entries:
                screen.say(entry.name)
        case _:
            _known(subject)
            rows = [
                [e.name, e.risk, usage(e.parameters), e.description if e.available else _not_now(e)] for e in entries
            ]
            screen.table(["Action", "Risk", "Parameters", "What"], rows)


def entry_of(subject: Subject, action: str) -> CatalogEntry:
    """The entry of an action that can be asked for now.

    Raises:
        Failure: there is none, or it cannot.
    """
    _known(subject)
    found = next((entry for entry in subject.status.catalog if entry.name == action), None)
    if found is None:
        known = ", ".join(entry.name for entry in subject.status.catalog)
        raise Failure(Exit.REFUSED, f"Subject {subject.metadata.name} has no action {action}", f"it has {known}")
    if not found.available:
        raise Failure(Exit.REFUSED, f"{action} is {_not_now(found)}")
    return found


def _known(subject: Subject) -> None:
    if not subject.status.catalog:
        name = subject.metadata.name
        raise Failure(
            Exit.REFUSED,
            f"the operator has not yet written what can be asked of Subject {name}",
            subject.status.message or "is the operator running? does the Subject's namespace have an OperatorPolicy?",
        )


def _not_now(entry: CatalogEntry) -> str:
    return f"not available now: {entry.reason}"
