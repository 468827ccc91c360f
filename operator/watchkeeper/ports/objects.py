"""The object store: our kinds in the Kubernetes API, typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from watchkeeper.api.v1alpha1.meta import ApiModel, Resource

R = TypeVar("R", bound=Resource)

FINALIZER = "watchkeeper.dev/guard"
"""The one finalizer that the operator sets: on proposals before the claim, on standing changes and their Subjects."""


class ObjectStore(Protocol):
    """Reads are consistent (no cache). Every method may raise `Transient` (try later) and `Denied` (RBAC or admission)."""

    async def get(self, kind: type[R], namespace: str, name: str) -> R:
        """The object as it is now.

        Raises:
            Gone: there is none.
            Invalid: what is stored does not fit our model.
        """
        ...

    async def list(self, kind: type[R], namespace: str | None = None, *, strict: bool = False) -> list[R]:
        """All objects of a kind, in one namespace or in all that are watched; read in pages.

        Objects that do not fit our model are left out and logged, unless `strict`: then they are an error, for kinds
        whose every object must be obeyed.

        Raises:
            Invalid: one does not fit our model, and `strict` is set; its problems name it.
        """
        ...

    async def create(self, obj: R) -> R:
        """Create it.

        Raises:
            Conflict: one of that name exists.
        """
        ...

    async def write_status(self, obj: R, status: ApiModel) -> R:
        """Write the difference between `obj.status` and `status`, with obj's resourceVersion; no request when there is none.

        Raises:
            Conflict: somebody wrote since `obj` was read.
            Gone: the object is no more.
        """
        ...

    async def swap_status(self, obj: R, changes: Mapping[str, tuple[Any, Any]]) -> R:
        """Set status fields if and only if each still has its old value (a JSON patch with `test`), whatever else was written.

        Args:
            obj: names the object; its resourceVersion is not used.
            changes: wire field name -> (old, new) as JSON values.

        Raises:
            Conflict: one of the fields has another value.
        """
        ...

    async def set_finalizer(self, obj: R, *, present: bool) -> R:
        """Add or remove our finalizer, with obj's resourceVersion; no request when it is so already.

        Raises:
            Conflict: somebody wrote since `obj` was read.
            Gone: the object is no more.
        """
        ...

    async def delete(self, obj: R) -> None:
        """Delete exactly what was read: its uid and resourceVersion are compared.

        Raises:
            Conflict: somebody wrote since `obj` was read, or it is another object of that name.
            Gone: the object is no more.
        """
        ...

    async def namespace_terminating(self, namespace: str) -> bool:
        """Whether the namespace is being deleted (or is gone)."""
        ...


class Leases(Protocol):
    """Named locks that say who may act."""

    async def claim(self, name: str, holder: str, seconds: int) -> str:
        """Take or renew the lease `name` in the operator's namespace; returns who holds it now, us or another."""
        ...
