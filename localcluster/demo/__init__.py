"""``make demo``: the main story, told with the real commands and their real outputs."""
