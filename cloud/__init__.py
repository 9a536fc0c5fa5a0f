"""The service: features or pictures in, tokens out."""

from protos.telemetry import opt_out

opt_out()
