"""Requests checked and decoded before the engine sees them."""
