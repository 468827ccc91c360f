"""`watchkeeper` and `kubectl watchkeeper`: see, decide, propose, stop; everything through the API server, as its user."""
