"""Values of PD's configuration that faults set for a while, one over the other."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping

from watchkeeper.simulator.gojson import Json


class Overrides:
    """Remembers the value below all that were set, and which are still in force."""

    def __init__(self, values: MutableMapping[str, Json]) -> None:
        self._values = values
        self._base: dict[str, Json] = {}
        self._held: dict[str, list[Json]] = {}

    def set(self, key: str, value: Json) -> Callable[[], None]:
        """Set one.

        Returns:
            What takes it back; a value that somebody else has set meanwhile stays.
        """
        held = self._held.setdefault(key, [])
        if not held:
            self._base[key] = self._values[key]
        held.append(value)
        self._values[key] = value

        def take_back() -> None:
            held.remove(value)
            if self._values[key] == value:
                self._values[key] = held[-1] if held else self._base[key]

        return take_back
