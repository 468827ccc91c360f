"""The actions that can be asked for, and why some cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from watchkeeper.api.v1alpha1.subject import CatalogEntry, Subject
from watchkeeper.ports.driver import ActionDefinition, Observation
from watchkeeper.subjects.tikv.actions.action import Action
from watchkeeper.subjects.tikv.actions.drainstore import DrainStore
from watchkeeper.subjects.tikv.actions.transferleader import TransferLeader
from watchkeeper.subjects.tikv.actions.transferpeer import TransferPeer
from watchkeeper.subjects.tikv.actions.undrainstore import UndrainStore
from watchkeeper.subjects.tikv.managers import manager_objection

SOURCE = "Subject"

_ALL: tuple[Action, ...] = (TransferLeader(), TransferPeer(), DrainStore(), UndrainStore())
ACTIONS: Mapping[str, Action] = MappingProxyType({action.definition.name: action for action in _ALL})
"""Every action by name."""


def untested(version: str) -> str:
    """Why nothing is done on this version."""
    return (
        f"PD {version or 'of an unknown version'} is observed only: Watchkeeper was proved on 8.5. "
        "Set spec.tikv.allowUntestedVersion to act on it all the same"
    )


def allows_version(subject: Subject, *, proved: bool) -> bool:
    """Whether the version is no obstacle."""
    return proved or (subject.spec.tikv is not None and subject.spec.tikv.allow_untested_version)


def entries(subject: Subject, observation: Observation | None) -> tuple[CatalogEntry, ...]:
    """Every action, available or with the reason why not."""
    return tuple(
        _entry(action.definition, _objection(action.definition, subject, observation)) for action in ACTIONS.values()
    )


def _objection(definition: ActionDefinition, subject: Subject, observation: Observation | None) -> str:
    if observation is None:
        return "the cluster cannot be read now"
    if not allows_version(subject, proved=observation.version_proved):
        return untested(observation.version)
    if definition.leaves is not None and observation.manager is not None:
        return manager_objection(observation.manager)
    return ""


def _entry(definition: ActionDefinition, objection: str) -> CatalogEntry:
    return CatalogEntry(
        name=definition.name,
        source=SOURCE,
        description=definition.description,
        risk=definition.risk,
        idempotent=definition.idempotent,
        available=not objection,
        reason=objection[:512],
        parameters=dict(definition.parameters_schema),
    )
