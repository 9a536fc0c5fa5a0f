"""What features and pictures cost and lose, on pictures that no fitting has seen: `isthmus bench codec`."""
