"""A learned feature codec: the fitted one, trained on against the whole model's own answers."""
