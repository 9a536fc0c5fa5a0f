"""What the machine says of its energy: joules of a request, battery, temperature."""
