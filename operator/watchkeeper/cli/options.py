"""Options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

CONNECTION = "Connection and output"


class Format(StrEnum):
    """Of a list or an object."""

    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


class ObjectFormat(StrEnum):
    """Of one object."""

    JSON = "json"
    YAML = "yaml"
    NAME = "name"


NamespaceOption = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAME",
        help="Namespace; default: that of the kubeconfig's context.",
        rich_help_panel=CONNECTION,
    ),
]
ContextOption = Annotated[
    str | None,
    typer.Option("--context", metavar="NAME", help="Context of the kubeconfig.", rich_help_panel=CONNECTION),
]
KubeconfigOption = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        help="Default: $KUBECONFIG, then ~/.kube/config, then the pod's ServiceAccount.",
        rich_help_panel=CONNECTION,
    ),
]
NoColorOption = Annotated[
    bool,
    typer.Option("--no-color", help="No colours; $NO_COLOR does the same.", rich_help_panel=CONNECTION),
]

OperatorNamespace = Annotated[
    str, typer.Option("--operator-namespace", help="Where the operator runs.", metavar="NAME")
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")]
Output = Annotated[Format | None, typer.Option("--output", "-o", help="Another form than the table.")]
ObjectOutput = Annotated[
    ObjectFormat | None, typer.Option("--output", "-o", help="The object that came of it, instead of words.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it has ended; the exit code tells how.")]
Timeout = Annotated[
    int | None,
    typer.Option(
        "--timeout", help="With --wait: at most so many seconds; default 300.", min=1, max=86400, metavar="SECONDS"
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the proposal.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the record.", metavar="TEXT", show_default=False)]


@dataclass(frozen=True, slots=True)
class Globals:
    """Options that may stand before and after the command; the one after it wins."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: Path | None = None
    no_color: bool = False

    def over(self, other: Globals) -> Globals:
        """These where given, else the others."""
        return Globals(
            self.namespace or other.namespace,
            self.context or other.context,
            self.kubeconfig or other.kubeconfig,
            self.no_color or other.no_color,
        )
