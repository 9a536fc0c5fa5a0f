"""The policies, one kind a file. A class here is found by the registry; nothing else needs to know of it."""
