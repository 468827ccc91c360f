"""The page of the actions: the TiKV driver's and the general tools, from their definitions."""

from __future__ import annotations

from watchkeeper.api.v1alpha1.actionproposal import Source
from watchkeeper.crdgen.reference.fields import field_table
from watchkeeper.crdgen.reference.markdown import code, document, table
from watchkeeper.engine.tools import DEFINITIONS
from watchkeeper.ports.driver import ActionDefinition
from watchkeeper.subjects.tikv.catalog import ACTIONS

INTRODUCTION = """\
What `spec.action` of an ActionProposal may name. A Subject lists its own actions in `status.catalog`, with the same schemas, and
says of each whether it is available now and why not. All errors in the parameters are reported together."""


def page() -> str:
    """The page."""
    tikv = {name: action.definition for name, action in ACTIONS.items()}
    blocks = [INTRODUCTION, "## Actions of a TiKV cluster\n\n`source: Subject`"]
    blocks += [_section(definition, Source.SUBJECT) for definition in tikv.values()]
    blocks.append("## Tools\n\n`source: Tool`. They never touch the database and need no claim on the Subject.")
    blocks += [_section(definition, Source.TOOL) for definition in DEFINITIONS.values()]
    return document("Actions", *blocks)


def _section(definition: ActionDefinition, source: Source) -> str:
    verbs = "tool." + definition.name if source is Source.TOOL else definition.name
    facts = [
        ("risk", str(definition.risk)),
        ("idempotent", _idempotent(definition)),
        ("approved by", f"verb `approve` on {code('actionproposals/' + verbs)}, or by risk, or for all actions"),
    ]
    if definition.leaves is not None:
        facts.append(("leaves", f"a [StandingChange](standingchange.md) of type {code(definition.leaves)}"))
    if definition.ends is not None:
        facts.append(("ends", f"a [StandingChange](standingchange.md) of type {code(definition.ends)}"))
    head = f"### {definition.name}\n\n{definition.description}"
    return "\n\n".join([head, table(("", ""), facts), field_table(dict(definition.parameters_schema))])


def _idempotent(definition: ActionDefinition) -> str:
    if definition.idempotent:
        return "yes: may be tried again where the write is provably absent"
    return "no: one attempt; an outcome that cannot be read is Unknown"
