"""Every route to an answer, interleaved, over loopback: `isthmus bench routes`."""
