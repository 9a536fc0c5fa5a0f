"""What systemd is told, by a socket as its own."""

import socket
from pathlib import Path

from protos.notify import Notifier


def test_what_happens_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        notifier = Notifier(path)
        notifier.ready("2 sources")
        notifier.reloading(5_000)
        notifier.alive()
        notifier.stopping()
        told = [systemd.recv(1000).decode() for _ in range(4)]
    assert told == [
        "READY=1\nSTATUS=2 sources",
        "RELOADING=1\nMONOTONIC_USEC=5\nSTATUS=reads its settings",
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=ends",
    ]


def test_a_socket_in_the_abstract_namespace_is_found() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0isthmus-test-notify")
        Notifier("@isthmus-test-notify").alive()
        assert systemd.recv(1000) == b"WATCHDOG=1"


def test_without_systemd_nothing_happens(tmp_path: Path) -> None:
    Notifier("").ready("")
    Notifier(str(tmp_path / "none")).ready("")
