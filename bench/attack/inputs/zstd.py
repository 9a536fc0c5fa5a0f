"""zstd frames that hold more than they say."""

import struct

_BLOCKS = 5000
_BLOCK_BYTES = 0x1FFFF  # the most that a block may say


def lying_bomb(size: int) -> bytes:
    """A frame that declares `size` bytes, and holds 655 MB of zeros in run-length blocks of 4 bytes."""
    header = b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", size)
    return header + _block(last=False) * _BLOCKS + _block(last=True)


def _block(*, last: bool) -> bytes:
    return struct.pack("<I", _BLOCK_BYTES << 3 | 1 << 1 | last)[:3] + b"\0"
