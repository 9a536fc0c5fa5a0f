"""PNG: what a decoder needs of it, and what its other chunks say of its orientation."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress

from protos.errors import PictureError
from protos.pictures.files.orientation import orientation
from protos.pictures.files.table import KINDS, PictureFile, refusal

MAGIC = b"\x89PNG\r\n\x1a\n"
_DECODED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_GREY, _RGB, _ALPHA = 0, 2, 4
_MAX_KEY = 80  # bytes, with the 0 behind it
_MAX_TEXT = 1 << 20  # of a text chunk once it is unpacked
_XMP_KEY, _PROFILE_KEY, _EXIF_KEY = b"XML:com.adobe.xmp", b"Raw profile type exif", b"exif"
_Chunk = tuple[bytes, memoryview]  # name; the whole of it, with length and checksum


def read(data: bytes) -> PictureFile:
    """Raises PictureError for a damaged file, and where decoders disagree on it."""
    chunks = list(_chunks(data))
    if chunks[0][0] != b"IHDR":
        raise PictureError("the PNG does not begin with its header; save it again")
    width, height, depth, colour = struct.unpack_from(">IIBB", _content(chunks[0]))
    keyed = b"tRNS" in dict(chunks)
    _check_first_frame(chunks, (width, height))
    decoded = b"".join([MAGIC, *(_whole(chunk) for chunk in chunks if chunk[0] in _DECODED)])
    transparent = bool(colour & _ALPHA) or keyed
    turned = orientation(*_descriptions(chunks))
    return PictureFile(KINDS[_kind(depth, colour, keyed)], width, height, decoded, turned, transparent)


def transparent_shade(data: bytes) -> int | None:
    """The one transparent shade of a grey PNG, in its own depth."""
    for name, chunk in _chunks(data):
        if name == b"tRNS":
            return int(struct.unpack_from(">H", chunk, 8)[0])
    return None


def depth(data: bytes) -> int:
    """Bits a channel."""
    return data[24]


def _kind(depth: int, colour: int, keyed: bool) -> str:
    if keyed and (colour, depth) in {(_GREY, 2), (_GREY, 4), (_RGB, 16)}:
        raise refusal("PNG with a transparent colour in grey of 2 or 4 bits or RGB of 16")
    return "PNG grey of 16 bits" if (colour, depth) == (_GREY, 16) else "PNG"


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Up to IEND. Raises IndexError or struct.error where the file ends before."""
    place, view = len(MAGIC), memoryview(data)
    while True:
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 12 + length
        if end > len(data):
            raise IndexError
        name = data[place + 4 : place + 8]
        yield name, view[place:end]
        if name == b"IEND":
            return
        place = end


def _content(chunk: _Chunk) -> memoryview:
    return chunk[1][8:-4]


def _whole(chunk: _Chunk) -> memoryview:
    name, whole = chunk
    if zlib.crc32(whole[4:-4]) != int.from_bytes(whole[-4:], "big"):
        raise PictureError(f"the PNG's chunk {name.decode()} is damaged; get it again")
    return whole


def _check_first_frame(chunks: Sequence[_Chunk], size: tuple[int, int]) -> None:
    """An animation's first frame, where it is the default image as well, is all of the picture."""
    for chunk in chunks:
        if chunk[0] == b"IDAT":
            return
        if chunk[0] == b"fcTL" and struct.unpack_from(">4x4I", _content(chunk)) != (*size, 0, 0):
            raise refusal("APNG whose first frame is a part of the picture")


def _descriptions(chunks: Sequence[_Chunk]) -> tuple[bytes, bytes]:
    """EXIF and XMP, from chunks before and behind the pixels; of several the last, and only that is
    unpacked.
    """
    last = {_key(chunk): chunk for chunk in chunks}
    exif, profile, xmp = (_text(last.get(key)) for key in (_EXIF_KEY, _PROFILE_KEY, _XMP_KEY))
    with suppress(ValueError):
        exif = exif or bytes.fromhex(b"".join(profile.split(b"\n")[3:]).decode("ascii"))
    return exif, xmp


def _key(chunk: _Chunk) -> bytes:
    """Under what a chunk's text is known; EXIF has two kinds of chunks, and is never packed."""
    if chunk[0] == b"eXIf":
        return _EXIF_KEY
    if chunk[0] not in {b"tEXt", b"zTXt", b"iTXt"}:
        return b""
    key = bytes(_content(chunk)[:_MAX_KEY]).partition(b"\0")[0]
    return b"" if key == _EXIF_KEY and chunk[0] != b"tEXt" else key


def _text(chunk: _Chunk | None) -> bytes:
    """The text of a chunk; one that cannot be unpacked is none."""
    if chunk is None or chunk[0] == b"eXIf":
        return bytes(_content(chunk)) if chunk else b""
    _, _, text = bytes(_content(chunk)).partition(b"\0")
    if chunk[0] == b"zTXt":
        return _unpacked(text[1:])
    if chunk[0] == b"iTXt":
        packed, text = text[:1] != b"\0", text[2:].split(b"\0", 2)[-1]
        return _unpacked(text) if packed else text
    return text


def _unpacked(text: bytes) -> bytes:
    with suppress(zlib.error):
        return zlib.decompressobj().decompress(text, _MAX_TEXT)
    return b""
