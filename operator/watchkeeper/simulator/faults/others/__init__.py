"""Other people and programs that work on the same cluster through PD."""
