"""What hostile callers cost an honest device: `isthmus bench attack`."""
