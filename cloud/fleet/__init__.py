"""The control plane of a fleet: what devices are, what operators want of them, and how that reaches them."""
