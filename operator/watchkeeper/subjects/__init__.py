"""Subject types, each a plug-in: how to observe one kind of database and act on it."""
