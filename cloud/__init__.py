"""The service: features or pictures in, tokens out."""
