"""Whether a version of a bundle goes to more devices: pure, without clock, socket or torch."""
