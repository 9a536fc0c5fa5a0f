"""What a device spends on answers, and on waiting for questions: `isthmus bench edge`."""
