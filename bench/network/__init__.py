"""An emulated network link: conditions, and the bytes that pass through it."""
