"""Who measures energy, one a file. A file here is found by the registry; nothing else needs to know of it."""
