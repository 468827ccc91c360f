"""An API server in memory: as much of it as our object store needs, held to `contract_objects` as the real one is.

What it does as the API server does: versions, uids, generations, finalizers and deletion, the status subresource, merge
patches and JSON patches with `test`, validation with paths, and no write where nothing differs. What it does not do:
admission, authentication, defaulting, pruning, watching (a listener is told of every change instead).

Stored JSON is never changed in place: an answer may be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from watchkeeper.adapters.kubernetes.answers import Answer, checked
from watchkeeper.adapters.kubernetes.connection import JSON, JSON_PATCH, MERGE_PATCH
from watchkeeper.api.v1alpha1 import (
    ActionProposal,
    EmergencyStop,
    OperatorPolicy,
    StandingChange,
    Subject,
    Ticket,
)
from watchkeeper.api.v1alpha1.meta import GROUP, VERSION, Resource, rfc3339

Raw = dict[str, Any]
Place = tuple[str, str, str]
"""Plural, namespace and name."""

KINDS: dict[str, type[Resource]] = {
    kind.info.plural: kind for kind in (ActionProposal, EmergencyStop, OperatorPolicy, StandingChange, Subject, Ticket)
}
_ROOT = f"/apis/{GROUP}/{VERSION}/"
_NAMESPACES = "/api/v1/namespaces/"
_KEPT = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "name", "namespace")
"""What a writer cannot change in metadata."""


class _Refusal(Exception):
    """An answer that is no 2xx."""

    def __init__(self, code: int, message: str, details: Raw | None = None) -> None:
        super().__init__(message)
        self.answer = Answer(code, {"kind": "Status", "message": message, "details": details or {}}, {})


class MemoryApi:
    """Implements `adapters.kubernetes.connection.Requester`.

    Args:
        now: the server's clock.
        namespaces: those that exist; one may be marked as terminating in `terminating`.
    """

    def __init__(
        self, now: Callable[[], datetime] = lambda: datetime.now(UTC), namespaces: Sequence[str] = ("team",)
    ) -> None:
        self.objects: dict[Place, Raw] = {}
        self.namespaces = set(namespaces)
        self.terminating: set[str] = set()
        self.writes = 0
        self.listeners: list[Callable[[str, Raw | None, Raw | None], None]] = []
        """Told plural, the object before and after every change."""
        self._now = now
        self._version = 0
        self._made = 0

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        content: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Raw:
        """Answer as `Connection.request` does."""
        del query
        if method != "GET":
            self.writes += 1
        try:
            answer = Answer(200, self._answer(method, path, body, content), {})
        except _Refusal as refusal:
            answer = refusal.answer
        return dict(checked(answer, f"{method} {path}"))

    def put(self, obj: Resource | Raw, plural: str | None = None) -> Raw:
        """Store it as it is, whatever it holds: what was there before the test, or what no schema would let in."""
        raw = dict(obj) if isinstance(obj, Mapping) else obj.wire()
        plural = plural or type(obj).info.plural  # type: ignore[union-attr]  # plain JSON comes with its plural
        meta = {"generation": 1, **raw.get("metadata", {})}
        meta["uid"] = meta.get("uid") or self._uid()
        meta["resourceVersion"] = meta.get("resourceVersion") or self._next()
        meta["creationTimestamp"] = meta.get("creationTimestamp") or rfc3339(self._now())
        raw |= {"kind": KINDS[plural].__name__, "metadata": meta}
        place = (plural, meta.get("namespace", ""), meta["name"])
        self._store(place, raw)
        return raw

    def remove(self, place: Place) -> None:
        """Take it away, finalizers or not."""
        old = self.objects.pop(place, None)
        if old is not None:
            self._tell(place[0], old, None)

    def _answer(self, method: str, path: str, body: Any, content: str) -> Raw:
        if path.startswith(_NAMESPACES):
            return self._namespace(path.removeprefix(_NAMESPACES))
        parts = path.removeprefix(_ROOT).split("/")
        namespace = None
        if parts[0] == "namespaces":
            namespace, parts = parts[1], parts[2:]
        plural, name, subresource = (*parts, "", "")[:3]
        if plural not in KINDS:
            raise _Refusal(404, f"there is no {plural}")
        if not name:
            return self._list(plural, namespace) if method == "GET" else self._create(plural, namespace or "", body)
        place = (plural, namespace or "", name)
        stored = self.objects.get(place)
        if stored is None:
            raise _Refusal(404, f'{plural} "{name}" not found', {"name": name})
        match method:
            case "GET":
                return stored
            case "DELETE":
                return self._delete(place, stored, body or {})
            case "PATCH":
                return self._patch(place, stored, body, content, subresource)
        raise _Refusal(405, f"{method} is not allowed")

    def _namespace(self, name: str) -> Raw:
        if name not in self.namespaces:
            raise _Refusal(404, f'namespaces "{name}" not found', {"name": name})
        meta = {"name": name}
        if name in self.terminating:
            meta["deletionTimestamp"] = rfc3339(self._now())
        return {"kind": "Namespace", "metadata": meta}

    def _list(self, plural: str, namespace: str | None) -> Raw:
        found = [raw for place, raw in sorted(self.objects.items()) if place[0] == plural]
        return {"items": [raw for raw in found if namespace in (None, raw["metadata"]["namespace"])], "metadata": {}}

    def _create(self, plural: str, namespace: str, body: Raw) -> Raw:
        name = body["metadata"]["name"]
        place = (plural, namespace, name)
        if place in self.objects:
            raise _Refusal(409, f'{plural} "{name}" already exists', {"name": name})
        if namespace in self.terminating:
            causes = [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]
            raise _Refusal(403, "the namespace is being terminated", {"name": name, "causes": causes})
        meta = {**body["metadata"], "namespace": namespace, "uid": self._uid(), "generation": 1}
        meta |= {"creationTimestamp": rfc3339(self._now()), "resourceVersion": self._next()}
        raw = {**body, "metadata": meta}
        if KINDS[plural].info.has_status:
            raw.pop("status", None)
        self._validate(plural, raw)
        self._store(place, raw)
        return raw

    def _delete(self, place: Place, stored: Raw, options: Raw) -> Raw:
        meta = stored["metadata"]
        if any(meta[field] != wanted for field, wanted in options.get("preconditions", {}).items()):
            raise _Refusal(409, "the precondition does not hold", {"name": place[2]})
        if not meta.get("finalizers"):
            self.remove(place)
            return stored
        if meta.get("deletionTimestamp"):
            return stored
        meta = {**meta, "deletionTimestamp": rfc3339(self._now()), "generation": meta["generation"] + 1}
        raw = {**stored, "metadata": {**meta, "resourceVersion": self._next()}}
        self._store(place, raw)
        return raw

    def _patch(self, place: Place, stored: Raw, body: Any, content: str, subresource: str) -> Raw:
        if content == MERGE_PATCH:
            wanted = merged(stored, body)
        elif content == JSON_PATCH:
            wanted = patched(stored, body)
        else:
            raise _Refusal(415, f"{content} is no patch")
        if wanted["metadata"].get("resourceVersion") != stored["metadata"]["resourceVersion"]:
            raise _Refusal(409, "the object has been modified", {"name": place[2]})
        return self._update(place, stored, wanted, status_only=subresource == "status")

    def _update(self, place: Place, stored: Raw, wanted: Raw, *, status_only: bool) -> Raw:
        old = stored["metadata"]
        if status_only:
            raw = {key: value for key, value in stored.items() if key != "status"}
            if "status" in wanted:
                raw["status"] = wanted["status"]
        else:
            raw = {**wanted, "metadata": {**wanted["metadata"], **{key: old[key] for key in _KEPT if key in old}}}
            raw.pop("status", None)
            if "status" in stored:
                raw["status"] = stored["status"]
            if raw.get("spec") != stored.get("spec"):
                raw["metadata"]["generation"] = old["generation"] + 1
        self._validate(place[0], raw)
        added = set(raw["metadata"].get("finalizers") or ()) - set(old.get("finalizers") or ())
        if added and old.get("deletionTimestamp"):
            causes = [{"field": "metadata.finalizers", "message": "no new finalizers can be added"}]
            raise _Refusal(422, "is being deleted", {"name": place[2], "causes": causes})
        if raw == stored:
            return stored
        raw["metadata"] = {**raw["metadata"], "resourceVersion": self._next()}
        if raw["metadata"].get("deletionTimestamp") and not raw["metadata"].get("finalizers"):
            self.remove(place)
            return raw
        self._store(place, raw)
        return raw

    @staticmethod
    def _validate(plural: str, raw: Raw) -> None:
        try:
            KINDS[plural].model_validate(raw)
        except ValidationError as error:
            causes = [{"field": ".".join(map(str, one["loc"])), "message": one["msg"]} for one in error.errors()]
            raise _Refusal(422, "is invalid", {"name": raw["metadata"]["name"], "causes": causes}) from error

    def _store(self, place: Place, raw: Raw) -> None:
        old = self.objects.get(place)
        self.objects[place] = raw
        self._tell(place[0], old, raw)

    def _tell(self, plural: str, old: Raw | None, new: Raw | None) -> None:
        for listener in self.listeners:
            listener(plural, old, new)

    def _next(self) -> str:
        self._version += 1
        return str(self._version)

    def _uid(self) -> str:
        self._made += 1
        return f"{self._made:08x}-0000-4000-8000-{self._made:012x}"


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def patched(document: Raw, operations: Sequence[Mapping[str, Any]]) -> Raw:
    """RFC 6902: `test`, `add` and `remove` of members of objects, which is all that is sent; all of them or none."""
    for operation in operations:
        keys = [key.replace("~1", "/").replace("~0", "~") for key in operation["path"].split("/")[1:]]
        document = _operated(document, keys, operation)
    return document


def _operated(document: Any, keys: Sequence[str], operation: Mapping[str, Any]) -> Any:
    if not isinstance(document, Mapping):
        raise _does_not_apply()
    key, rest = keys[0], keys[1:]
    if rest:
        if key not in document:
            raise _does_not_apply()
        return {**document, key: _operated(document[key], rest, operation)}
    match operation["op"]:
        case "add":
            return {**document, key: operation["value"]}
        case "test" if key in document and document[key] == operation["value"]:
            return document
        case "remove" if key in document:
            return {name: value for name, value in document.items() if name != key}
    raise _does_not_apply()


def _does_not_apply() -> _Refusal:
    """Named nothing in its details, as the API server (1.37) does it."""
    return _Refusal(422, "the server rejected our request due to an error in our request")
