"""The state of the simulated cluster and how it changes by itself: clock, stores, regions, members, configuration."""
