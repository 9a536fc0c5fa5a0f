"""Doubles for testing against Isthmus: a cloud that answers from a script."""
