"""The commands of a device. What is set here is set before any of them loads numpy."""

from edge import config

config.limit_blas()
