"""TiKV, by way of PD's HTTP API."""

from watchkeeper.subjects.tikv.plugin import TiKVPlugin

__all__ = ["TiKVPlugin"]
