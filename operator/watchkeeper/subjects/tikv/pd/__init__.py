"""A client for PD's HTTP API: allow-listed routes, careful reads with failover, and writes that are sent once."""
