"""Kopf as informer and host: events become keys on our own queue; no handler does any work."""
