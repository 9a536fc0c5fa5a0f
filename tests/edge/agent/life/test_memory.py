"""Memory that threads have freed stays in few places."""

import platform
import subprocess
import sys

import pytest

_COUNT = """
import ctypes, sys
from threading import Barrier, Thread
from edge.agent.life.memory import limit_arenas

if sys.argv[1:]:
    limit_arenas()
there, done = Barrier(9), Barrier(9)

def work():
    kept = bytearray(50_000)
    there.wait()
    done.wait()

threads = [Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
there.wait()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
stream = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, stream)
libc.fflush(stream)
done.wait()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc has arenas")
def test_threads_share_two_arenas() -> None:
    assert arenas() > 2
    assert arenas("limited") == 2


def arenas(*arguments: str) -> int:
    """Of a process in which eight threads hold memory."""
    command = [sys.executable, "-c", _COUNT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.count("<heap nr=")
