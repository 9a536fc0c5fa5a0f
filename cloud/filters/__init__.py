"""What may be asked and answered: content filters in front of the model, and behind it."""
