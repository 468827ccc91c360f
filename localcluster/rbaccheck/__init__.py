"""Are the operator's permissions all used, and is none missing? A fixed scenario, judged by the API server's audit log."""
