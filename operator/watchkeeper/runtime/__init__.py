"""The process: settings, logging, metrics, probes and the composition root."""
