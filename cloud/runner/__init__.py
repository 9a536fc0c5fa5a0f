"""What runs the model: the work of one step each, in a thread of the service or in a process of its own."""
