"""The built-in model: a small VLM trained from scratch on scenes drawn by code."""
