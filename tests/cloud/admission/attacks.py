"""Workers in place of the usual one; they load no more than it does, and start as quickly."""

import signal
import time
from multiprocessing.connection import Connection

from cloud.admission import picture_worker


def never(connection: Connection) -> None:
    """A worker whose picture has no end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection.recv_bytes()
    time.sleep(3600)


def work_in_little(connection: Connection) -> None:
    """A worker for which the usual bounds are too much."""
    picture_worker._BASE_BYTES, picture_worker._BYTES_A_PIXEL = 1 << 20, 0
    picture_worker.work(connection)
