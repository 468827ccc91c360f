"""Who owns the pods: tidb-operator removes evict-leader entries that it did not make, and undoes an offline."""

from __future__ import annotations

from watchkeeper.api.v1alpha1.subject import ManagerSetting, Subject
from watchkeeper.errors import Denied, Transient
from watchkeeper.ports.environment import Surroundings


async def find_manager(subject: Subject, surroundings: Surroundings) -> str | None:
    """The manager for people, None where there is none. One that cannot be looked for counts as found."""
    if subject.spec.manager is ManagerSetting.NONE:
        return None
    try:
        found = await surroundings.managers(subject.metadata.namespace)
    except (Denied, Transient) as error:
        return f"unknown: {error.message}"[:253]
    return ", ".join(found)[:253] or None


def manager_objection(manager: str) -> str:
    """Why a standing change cannot be made here."""
    return (
        f"the pods are managed by {manager}, which would take it back; set spec.manager to None only if nothing "
        "manages these pods"
    )
