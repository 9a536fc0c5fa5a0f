"""Which devices get the candidate."""

import hashlib

_BYTES = 8
_ALL = float(1 << 8 * _BYTES)


def lot(device: str, salt: str) -> float:
    """A device's draw, 0 to 1: the same for ever, in every process. Another salt draws others."""
    digest = hashlib.sha256(f"{salt}\n{device}".encode()).digest()
    return int.from_bytes(digest[:_BYTES], "big") / _ALL


def is_assigned(device: str, salt: str, share: float) -> bool:
    """Whether a device is among the `share` (0 to 1) of all devices: who is in a share is in every larger
    one.
    """
    return lot(device, salt) < share
