"""Bytes that are no request, or a request of countless fields."""

GARBAGE = {
    "a length past the end": b"\x0a\x7fab",
    "a tag cut off": b"\x80",
    "an endless number": b"\x38" + b"\xff" * 11,
    "a group": b"\x0b\x0c",
    "an unknown wire type": b"\x0f",
    "four bytes cut off": b"\x0d\0\0",
    "a text that is not UTF-8": b"\x0a\x02\xff\xfe\x2a\x04\x0a\x02\xff\xfe",
    "a part that is no message": b"\x2a\x02\x0a\x7f",
    "field 0": b"\x00\x00",
}
_FIELDS = {"labels": b"\x42\x00", "the same field": b"\x0a\x00", "unknown fields": b"\x78\x00"}


def countless(count: int = 1 << 20, end: bytes = b"") -> dict[str, bytes]:
    """Requests of so many empty fields, two bytes each, and an end behind the last one."""
    size = 2 * count + len(end)
    varint = bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14 & 0x7F | 0x80, size >> 21])
    payloads = b"\x22" + varint + b"\x1a\x00" * count + end
    return {"payloads": payloads} | {name: field * count + end for name, field in _FIELDS.items()}
