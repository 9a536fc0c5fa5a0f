"""The demonstration: the whole chain on this machine, over good and bad links."""
