"""The command line of the simulator: serve, scenarios, state, fault, watch."""
