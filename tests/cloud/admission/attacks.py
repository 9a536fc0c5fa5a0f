"""A worker whose picture has no end."""

import signal
import time
from multiprocessing.connection import Connection


def never(connection: Connection) -> None:
    """A worker whose picture has no end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection.recv_bytes()
    time.sleep(3600)
