"""A learned feature codec: the fitted one, with a correction in the cloud that is trained against the whole model's own answers."""
