"""The demonstration's agent: two drawn cameras, standing questions, events, and an endpoint for programs."""
