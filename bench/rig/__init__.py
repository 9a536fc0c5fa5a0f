"""What benchmarks and the demonstration share: a bundle, a cloud process, questions, strategies, consoles."""
