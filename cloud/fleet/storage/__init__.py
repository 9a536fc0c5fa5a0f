"""What the controller keeps: devices, desired settings, jobs, rollouts, telemetry, an audit log."""
