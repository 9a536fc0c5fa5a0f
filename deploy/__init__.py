"""How all of it is run for real: the demonstration on one machine."""
