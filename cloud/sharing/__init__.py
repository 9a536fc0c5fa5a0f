"""Who calls, and how the service's work and room are shared out among callers."""
