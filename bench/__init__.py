"""Benchmarks: ratios measured interleaved in one run, as a table and as JSON."""

from protos.telemetry import opt_out

opt_out()
