"""Requests checked and decoded before they reach the engine."""
