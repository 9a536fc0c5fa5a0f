"""The memory that a split takes: `isthmus bench memory`."""
