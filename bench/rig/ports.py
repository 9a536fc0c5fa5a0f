"""A port that nothing listens on."""

import socket


def free_port() -> int:
    """On 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
