"""What was measured, as values; and those as tables, as a page and as JSON."""
