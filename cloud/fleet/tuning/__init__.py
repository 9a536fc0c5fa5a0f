"""What a fleet's own telemetry says of its cuts: pure. It is handed what is kept and returns values."""
