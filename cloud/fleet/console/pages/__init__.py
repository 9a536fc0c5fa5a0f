"""The pages of the console: each is parts, by the place that they stand in."""
