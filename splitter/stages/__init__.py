"""The stages of a split, in order."""
