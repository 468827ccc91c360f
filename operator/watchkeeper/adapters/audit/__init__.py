"""Sinks of the audit stream."""
