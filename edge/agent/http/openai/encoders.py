"""Embeddings by this device: texts by its tower or the cloud's, pictures by the whole head."""

from functools import cached_property

from edge.link.failover import FailoverClient
from edge.pictures.resampling import Picture
from edge.requests.search import PhotoEncoder, TextEncoder
from protos.arrays import Floats
from protos.bundle import Bundle


class BundleEmbedding:
    """An Embedding of a dual encoder's bundle; its parts are loaded when first needed."""

    def __init__(self, bundle: Bundle, client: FailoverClient | None, threads: int, provider: str) -> None:
        self._bundle, self._threads, self._provider = bundle, threads, provider
        self._texts = TextEncoder(bundle, client, threads, provider)

    def text(self, text: str) -> Floats:
        return self._texts.embed(text)

    def picture(self, picture: Picture) -> Floats:
        return self._photos.embed_picture(picture)

    @cached_property
    def _photos(self) -> PhotoEncoder:
        return PhotoEncoder(self._bundle, self._threads, self._provider)
