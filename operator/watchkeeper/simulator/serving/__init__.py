"""The sockets: listeners of members and stores, the control API, live time."""
