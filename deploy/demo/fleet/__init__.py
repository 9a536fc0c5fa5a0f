"""The demonstration's fleet: the agent and three simulated devices, and a controller that tunes their cut."""
