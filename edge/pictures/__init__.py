"""Picture files to the pixels that the model takes, without Pillow or torch."""
