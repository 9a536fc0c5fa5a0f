"""How a fleet goes from one desired state to another, step by step: pure, without clock, socket or file."""
