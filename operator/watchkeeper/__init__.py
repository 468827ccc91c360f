"""Watchkeeper: keeps watch on distributed databases on Kubernetes, TiKV first."""
