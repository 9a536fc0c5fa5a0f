"""What the console draws: each a piece of markup made of plain values."""
