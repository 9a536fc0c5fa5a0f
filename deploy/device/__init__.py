"""What a device installs: one wheel that holds only its own code, and the list of what that needs."""
