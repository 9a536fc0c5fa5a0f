"""What the controller keeps: devices, what is wanted of them, jobs, rollouts, telemetry, and who changed what."""
