"""What a camera's nearly equal frames cost by each way to send them: `isthmus bench video`."""
