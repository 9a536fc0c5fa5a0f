"""Models in a process of their own, beside that of the service."""
