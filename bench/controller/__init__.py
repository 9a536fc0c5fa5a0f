"""What a fleet's controller takes with thousands of devices on a real broker: `isthmus bench fleet`."""
