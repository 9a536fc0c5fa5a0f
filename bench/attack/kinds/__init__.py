"""The attackers, by the nature of what they send. A class in a file here is found by the registry."""
