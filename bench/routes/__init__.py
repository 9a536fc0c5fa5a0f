"""Every way to answer, interleaved, over loopback."""
