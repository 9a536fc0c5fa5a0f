"""How all of it is run for real: the demonstration on one machine."""

from protos.telemetry import opt_out

opt_out()
