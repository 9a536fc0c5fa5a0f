"""What operators see of a running service: metrics, traces, logs, and whether the model still works."""
