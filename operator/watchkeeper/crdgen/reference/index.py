"""The list of the pages."""

from __future__ import annotations

from watchkeeper.api.v1alpha1 import KINDS
from watchkeeper.crdgen.reference.markdown import code, document, table

OTHERS = (
    ("actions.md", "every action and tool with its parameters"),
    ("cli.md", "every command of `watchkeeper` and `kubectl watchkeeper`, with its options and exit codes"),
    ("conditions.md", "phases, conditions and reasons of every kind"),
    ("events.md", "every Event: controller, action, reason"),
    ("settings.md", "settings of the operator process"),
)


def page() -> str:
    """The page."""
    rows = [
        (f"[{kind.__name__}]({kind.__name__.lower()}.md)", code(kind.info.short), kind.info.description)
        for kind in KINDS
    ]
    others = "\n".join(f"- [{name}]({name}): {text}" for name, text in OTHERS)
    made = "Made from the models by `make crds`; `make check` compares. The [guide](../guide/README.md) goes by task."
    return document("Reference", made, table(("Kind", "Short name", "What it is"), rows), others)
