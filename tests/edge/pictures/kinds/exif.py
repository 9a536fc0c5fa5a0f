"""Orientations as files say them: EXIF of any type of number and either byte order, and XMP."""

import struct

ORIENTATION = 274
TYPES = {  # EXIF's types of number: name -> (its number, struct's letters)
    "short": (3, "H"),
    "long": (4, "I"),
    "signed byte": (6, "b"),
    "signed short": (8, "h"),
    "signed long": (9, "i"),
    "float": (11, "f"),
    "IFD": (13, "I"),
    "double": (12, "d"),
    "rational": (5, "II"),
    "signed rational": (10, "ii"),
    "long long": (16, "Q"),
    "byte": (1, "B"),
    "undefined": (7, "B"),
}


def exif(orientation: int, kind: str = "short", order: str = "<") -> bytes:
    """An EXIF block, without a prefix, that holds one entry."""
    number, letters = TYPES[kind]
    value = struct.pack(order + letters, *(orientation, 1)[: len(letters)])
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    entry = struct.pack(order + "HHI", ORIENTATION, number, 1)
    inline = len(value) <= 4
    place = value.ljust(4, b"\0") if inline else struct.pack(order + "I", 8 + 2 + 12 + 4)
    return (
        head
        + struct.pack(order + "H", 1)
        + entry
        + place
        + struct.pack(order + "I", 0)
        + (b"" if inline else value)
    )


def xmp(orientation: int, element: bool = False) -> bytes:
    """An XMP packet; the orientation is an attribute, or an element."""
    attribute = "" if element else f' tiff:Orientation="{orientation}"'
    inside = f"<tiff:Orientation>{orientation}</tiff:Orientation>" if element else ""
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/"{attribute}>{inside}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()
