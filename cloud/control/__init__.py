"""What an operator changes while the service runs."""
