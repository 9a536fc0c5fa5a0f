"""The models that are served, and what they run on."""
