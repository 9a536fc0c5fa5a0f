"""The ways to send a picture that are compared, and both halves of a bundle that they pass through."""
