"""The splitter's commands."""
