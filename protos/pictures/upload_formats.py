"""The picture formats that a device may upload, and the qualities of each that a split measures.

A format is one line here: the device encodes it, the splitter measures it, the cloud accepts it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class UploadFormat:
    """One format, by the names that manifests and routes, OpenCV and Pillow have for it."""

    name: str
    opencv_quality: str
    pillow: str
    qualities: tuple[int, ...]  # of the arms that a bundle offers, the best first


UPLOAD_FORMATS = {
    kind.name: kind
    for kind in (
        UploadFormat("jpeg", "IMWRITE_JPEG_QUALITY", "JPEG", (95, 75, 50, 30, 15)),
        UploadFormat("webp", "IMWRITE_WEBP_QUALITY", "WEBP", (80, 50, 30, 15, 5)),
    )
}
