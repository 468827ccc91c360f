"""Implementations of the ports; each package talks to one thing in the world."""
