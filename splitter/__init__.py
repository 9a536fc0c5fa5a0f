"""Offline: a checkpoint in, a bundle out, with what each cut costs and what it loses."""

from protos.telemetry import opt_out

opt_out()
