"""Photos ranked by how near they lie to a text, in the space that a dual encoder has for both."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from edge.link.client import CloudClient
from edge.link.failover import FailoverClient
from edge.models.head import Head
from edge.models.text_tower import TextTower, has_tower
from edge.pictures.files import read_picture
from edge.pictures.preprocess import Preprocessor
from edge.pictures.resampling import Picture
from protos import inference_pb2 as pb
from protos.arrays import Floats
from protos.bundle import Bundle
from protos.errors import CloudError, NoRoute, PictureError, RequestError
from protos.limits import check_texts
from protos.matching import unit

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"}
_CLOUD_SECONDS = 30.0


@dataclass(frozen=True)
class PhotoMatch:
    """A photo and its similarity to the text, a cosine; or why it could not be looked at."""

    path: Path
    similarity: float
    unavailable_reason: str = ""


def search(
    bundle: Bundle,
    text: str,
    photos: Iterable[Path],
    client: CloudClient | None,
    *,
    threads: int = 1,
    provider: str = "",
    advance: Callable[[], None] = lambda: None,
) -> list[PhotoMatch]:
    """Every photo, the nearest first, those that cannot be read last. Photos stay on the device; without a
    text tower the text does not.

    Raises RequestError, PromptError, NoRoute, or what the client raises.
    """
    wanted = embed_text(bundle, text, client, threads, provider)
    encoder = PhotoEncoder(bundle, threads, provider)
    found = []
    for path in photos:
        found.append(_compared(encoder, path, wanted))
        advance()
    return sorted(found, key=lambda one: (bool(one.unavailable_reason), -one.similarity))


def photos_in(folder: Path) -> list[Path]:
    """Picture files below a folder, in order. Raises RequestError where there are none."""
    files = (
        sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        if folder.is_dir()
        else []
    )
    if not files:
        raise RequestError(
            f"{folder} holds no photos; give a folder with {', '.join(sorted(SUFFIXES))} files",
            path=str(folder),
        )
    return files


def embed_text(
    bundle: Bundle, text: str, client: CloudClient | None, threads: int = 1, provider: str = ""
) -> Floats:
    """A text's embedding (width) of length 1: by the device's own text tower, or by the cloud."""
    return TextEncoder(bundle, client, threads, provider).embed(text)


class TextEncoder:
    """Texts to embeddings: by the device's own text tower, loaded when first needed, or by the cloud."""

    def __init__(
        self,
        bundle: Bundle,
        client: CloudClient | FailoverClient | None,
        threads: int = 1,
        provider: str = "",
    ) -> None:
        self._bundle, self._client = bundle, client
        self._threads, self._provider = threads, provider

    def embed(self, text: str) -> Floats:
        """A text's embedding (width) of length 1. Raises RequestError, PromptError, NoRoute, or what the
        client raises.
        """
        manifest = self._bundle.manifest
        if not manifest.HasField("matching"):
            raise RequestError(
                f"{manifest.model} answers questions and has no embeddings to search by; use a CLIP or "
                "SigLIP bundle"
            )
        check_texts([text], manifest.matching)
        if has_tower(self._bundle):
            return np.asarray(self._tower.embed([text])[0], np.float32)
        if self._client is None:
            raise NoRoute(
                f"bundle {self._bundle.path} has no text tower for the device; split it --with-local, or "
                "give --cloud HOST:PORT"
            )
        request = pb.EmbedRequest(bundle=self._bundle.id, texts=pb.Texts(texts=[text]))
        return _checked(self._client.embed(request, _CLOUD_SECONDS), manifest.matching.width)

    @cached_property
    def _tower(self) -> TextTower:
        return TextTower(self._bundle, self._threads, self._provider)


class PhotoEncoder:
    """Photos to embeddings, by the whole head."""

    def __init__(self, bundle: Bundle, threads: int = 1, provider: str = "") -> None:
        self._last = bundle.manifest.pieces[-1].cut
        self._preprocessor = Preprocessor(bundle.manifest.preprocessing)
        self._head = Head(bundle, threads, provider)

    def embed(self, path: Path) -> Floats:
        """A photo's embedding (width) of length 1. Raises PictureError."""
        return self.embed_picture(read_picture(path))

    def embed_picture(self, picture: Picture) -> Floats:
        """The embedding (width) of length 1 of a picture RGB (h, w, 3)."""
        pixels = self._preprocessor.pixels(self._preprocessor.resize(picture))
        (embedding,) = self._head.run(pixels, self._last).boundary.values()
        return unit(np.asarray(embedding[0, 0], np.float32))


def _compared(encoder: PhotoEncoder, path: Path, wanted: Floats) -> PhotoMatch:
    try:
        return PhotoMatch(path, float(encoder.embed(path) @ wanted))
    except PictureError as error:
        return PhotoMatch(path, 0.0, str(error))


def _checked(reply: pb.EmbedReply, width: int) -> Floats:
    rows = [np.array(embedding.values, np.float32) for embedding in reply.embeddings]
    if len(rows) != 1 or rows[0].shape != (width,) or not np.isfinite(rows[0]).all():
        raise CloudError(
            "the cloud's embedding is not one of this bundle; check that it serves the same version"
        )
    return unit(rows[0])
