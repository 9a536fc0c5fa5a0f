"""What operators wish of devices: joined with what was wished before, and whether a device can."""
