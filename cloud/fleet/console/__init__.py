"""The fleet in a browser: pages that the controller serves, drawn on the server, kept as things are now."""
