"""HOST:PORT, as both ends of a connection are given it."""

import ipaddress

from protos.errors import RequestError

_MAX_PORT = 65535


def split_address(text: str, what: str) -> tuple[str, int]:
    """`HOST:PORT` or `[IPv6]:PORT` as host and port. `what` names it in the message of a RequestError.

    A name of a protocol is refused, as is a missing port: gRPC would take the one for a way to look names up,
    and go to port 443 for want of the other.
    """
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if (
        not colon
        or not bare
        or not (port.isascii() and port.isdigit())
        or "/" in host
        or not text.isprintable()
        or any(map(str.isspace, text))
        or (":" in host and host != f"[{bare}]")
    ):
        message = f"{what} {text!r} is not an address; write HOST:PORT, such as 127.0.0.1:7070 or [::1]:7070"
        raise RequestError(message, address=text)
    if int(port) > _MAX_PORT:
        raise RequestError(f"{what} {text!r}: a port is at most {_MAX_PORT}", address=text)
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, which nobody else can reach or listen to."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """Whether a host is an IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
