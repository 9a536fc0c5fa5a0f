"""What a camera's nearly equal frames cost by each candidate: `isthmus bench video`."""
