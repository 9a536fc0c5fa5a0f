"""Times and memory of processes whose threads and children come and go."""

import os
import subprocess
import sys
from threading import Event, Thread

from bench.rig.process_memory import children, resident
from bench.rig.process_time import cpu_seconds


def test_a_process_is_read_while_its_threads_end() -> None:
    ending = Event()

    def begin_and_end() -> None:
        while not ending.is_set():
            Thread(target=int).start()

    busy = Thread(target=begin_and_end)
    busy.start()
    try:
        for _ in range(300):
            children(os.getpid())
            assert cpu_seconds(os.getpid()) > 0
    finally:
        ending.set()
        busy.join()


def test_what_a_process_started_counts() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in children(os.getpid())
        assert resident(os.getpid()) > resident(child.pid)
        assert child.stdin
        child.stdin.close()
