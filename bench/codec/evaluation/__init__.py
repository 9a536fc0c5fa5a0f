"""What candidates are evaluated on, and by which metrics."""
