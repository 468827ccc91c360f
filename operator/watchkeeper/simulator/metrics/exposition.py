"""Prometheus' text format, as far as the simulator needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Sample = tuple[Mapping[str, str], float]


def family(name: str, kind: str, samples: Iterable[Sample]) -> str:
    """One metric with its TYPE line; nothing at all where there are no samples."""
    lines = [f"{name}{_labels(labels)} {_value(value)}" for labels, value in samples]
    return "\n".join([f"# TYPE {name} {kind}", *lines]) + "\n" if lines else ""


def histogram(name: str, labels: Mapping[str, str], buckets: Mapping[float, int], total: float) -> str:
    """One histogram; `buckets` are cumulative by upper bound in rising order, the last one is everything."""
    count = list(buckets.values())[-1]
    lines = [f"# TYPE {name} histogram"]
    lines += [f"{name}_bucket{_labels({**labels, 'le': f'{bound:g}'})} {value}" for bound, value in buckets.items()]
    lines += [f"{name}_bucket{_labels({**labels, 'le': '+Inf'})} {count}"]
    lines += [f"{name}_sum{_labels(labels)} {_value(total)}", f"{name}_count{_labels(labels)} {count}"]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}" if labels else ""


def _escaped(value: str) -> str:
    """A caller may call himself anything."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _value(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
