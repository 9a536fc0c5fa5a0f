"""systemd told how a service is, over the socket that it names: sd_notify(3), without systemd's library."""

import socket

from protos import config


class Notifier:
    """Does nothing where no systemd waits, and never fails: a service runs on without its supervisor."""

    def __init__(self, address: str | None = None) -> None:
        """The socket's; $NOTIFY_SOCKET unless given."""
        self._address = config.notify_socket() if address is None else address

    def ready(self, words: str) -> None:
        """It has started, or has its new settings; `words` for `systemctl status`."""
        self._send(f"READY=1\nSTATUS={words}")

    def reloading(self, monotonic_ns: int) -> None:
        """It reads its settings; `ready` follows."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_ns // 1000}\nSTATUS=reads its settings")

    def stopping(self) -> None:
        """It ends in order."""
        self._send("STOPPING=1\nSTATUS=ends")

    def alive(self) -> None:
        """A sign of life for the watchdog."""
        self._send("WATCHDOG=1")

    def says(self, words: str) -> None:
        """What `systemctl status` shows."""
        self._send(f"STATUS={words}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
                notify.setblocking(False)
                notify.sendto(message.encode(), address)
        except OSError:
            return
