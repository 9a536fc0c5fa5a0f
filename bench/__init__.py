"""Benchmarks: ratios measured interleaved in one run, as a table and as JSON."""
