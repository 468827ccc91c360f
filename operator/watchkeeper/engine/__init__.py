"""The engine: queue, workers, the ladders of each kind, the execution protocol and what is left standing."""
