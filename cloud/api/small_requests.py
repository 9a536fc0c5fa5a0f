"""Requests that are a name or a few numbers: bounded far below those that carry pictures."""

from typing import TypeVar

from google.protobuf.message import Message

from cloud.api.call import Call
from protos.errors import TooLarge

_MAX_BYTES = 1 << 12

M = TypeVar("M", bound=Message)


async def small_request(call: Call, kind: type[M]) -> M:
    """The one request of a call. Raises TooLarge, and as `Call.request`."""
    received = await call.request(kind)
    check_small(received.size)
    call.release(received)
    return received.request


def check_small(size: int) -> None:
    """Raises TooLarge for a request of so many bytes."""
    if size > _MAX_BYTES:
        raise TooLarge(f"{size} bytes came, at most {_MAX_BYTES} are taken here; name a service", bytes=size)
