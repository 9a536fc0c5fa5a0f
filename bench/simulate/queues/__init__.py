"""What requests wait for: events in their order, servers with one queue, a link that sends bytes in turn."""
