"""The vision part of a small model that answers on the device and shares no head with the cloud's."""

import numpy as np

from edge.models.head import Head
from edge.pictures.preprocess import Preprocessor
from edge.pictures.resampling import Picture
from protos.arrays import Floats
from protos.bundle import Bundle
from protos.pictures.tiles import Grid


class SmallVision:
    """Pictures as the small model of a bundle takes them. `bundle`: as that model sees it."""

    def __init__(self, bundle: Bundle, threads: int = 1, provider: str = "") -> None:
        self._preprocessor = Preprocessor(bundle.manifest.preprocessing)
        self._head = Head(bundle, threads, provider)
        self._last = bundle.manifest.pieces[-1].cut

    def load(self) -> None:
        """Get it ready. Raises BundleDamaged."""
        self._head.load(self._last)

    def see(self, picture: Picture) -> tuple[Floats, Grid]:
        """The image tokens (count, width) of an RGB picture (h, w, 3), and the grid of its tiles."""
        resized = self._preprocessor.resize(picture)
        head = self._head.run(self._preprocessor.pixels(resized), self._last)
        (tokens,) = head.boundary.values()
        return np.concatenate(tokens), self._preprocessor.grid(resized)
