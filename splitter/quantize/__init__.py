"""In which numbers a head is stored and computed, and what that costs and gains: chosen by measurement."""
