"""Lists in pages, so that no answer is huge."""

from __future__ import annotations

from typing import Any

from watchkeeper.adapters.kubernetes.requester import Requester
from watchkeeper.errors import Transient

PAGE = 500
MAX_STARTS = 3


async def read_pages(connection: Requester, path: str, *, page: int = PAGE, fields: str = "") -> list[dict[str, Any]]:
    """Every item of a collection, all of one moment (the continue token carries its version).

    `fields` is a field selector, such as `status.phase=Validated`.

    A token that expired between two pages (410) means: from the start again, at most `MAX_STARTS` times.

    Raises:
        Transient: also when the token expired every time.
    """
    return (await read_versioned(connection, path, page=page, fields=fields))[0]


async def read_versioned(
    connection: Requester, path: str, *, page: int = PAGE, fields: str = ""
) -> tuple[list[dict[str, Any]], str]:
    """The same with the version of the collection, from which a watch goes on."""
    for _ in range(MAX_STARTS - 1):
        try:
            return await _read_once(connection, path, page, fields)
        except Transient as error:
            if error.reason != "Expired":
                raise
    return await _read_once(connection, path, page, fields)


async def _read_once(connection: Requester, path: str, page: int, fields: str) -> tuple[list[dict[str, Any]], str]:
    items: list[dict[str, Any]] = []
    first = {"limit": str(page)} | ({"fieldSelector": fields} if fields else {})
    query = first
    while True:
        answer = await connection.request("GET", path, query=query)
        found = answer.get("items")
        if not isinstance(found, list):
            # fail closed: an answer without items is not an empty list
            raise Transient(f"GET {path}: the answer holds no list", reason="NotAList")
        items.extend(found)
        meta = answer.get("metadata") or {}
        token = meta.get("continue")
        if not token:
            return items, str(meta.get("resourceVersion") or "")
        query = first | {"continue": str(token)}
