"""Answers that several callers wait for, and those that were given before."""
