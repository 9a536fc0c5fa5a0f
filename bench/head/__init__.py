"""A head's time and memory, against FP32, one session and torch: `isthmus bench head`."""
