"""What is computed next, with whom, and how much of it: pure, by measured times."""
