"""The metrics of PD and of the stores, in Prometheus' text format."""
