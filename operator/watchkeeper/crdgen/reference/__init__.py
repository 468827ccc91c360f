"""Reference pages for people, from the same models as everything else: `docs/reference/*.md`."""

from __future__ import annotations

from watchkeeper.api.v1alpha1 import KINDS
from watchkeeper.crdgen.reference import actions, cli, conditions, events, index, kinds, settings

FIXED = {
    "actions.md": actions.page,
    "cli.md": cli.page,
    "conditions.md": conditions.page,
    "events.md": events.page,
    "settings.md": settings.page,
}


def reference_files() -> dict[str, str]:
    """File name to content, as they stand in `docs/reference/`."""
    pages = {f"{kind.__name__.lower()}.md": kinds.page(kind) for kind in KINDS}
    pages |= {name: page() for name, page in FIXED.items()}
    return {"README.md": index.page(), **pages}
