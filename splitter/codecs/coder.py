"""Both halves of a codec in one process, as it was written into a folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import onnxruntime as ort

from protos import bundle_pb2 as pb
from protos import codec as wire
from splitter.codecs import encoders
from splitter.codecs.arrays import Tensors
from splitter.graph.chain import open_session


@dataclass(frozen=True)
class Coder:
    """`half` codes and decodes; `encoder` makes codes of a boundary, where the codec has a graph for that."""

    half: wire.Codec
    encoder: ort.InferenceSession | None

    @classmethod
    def open(cls, spec: pb.Codec, folder: Path, threads: int) -> Self:
        """A manifest's codec, its files in a folder."""
        half = wire.receiver(spec, folder.joinpath)
        encoder = open_session((folder / spec.encoder).read_bytes(), threads) if spec.encoder else None
        return cls(half, encoder)

    def encode(self, boundary: Tensors, tiles: slice) -> dict[str, bytes]:
        """The payloads of one picture of a batch, whose tiles lie there."""
        codes = encoders.run(
            self.encoder, self.half, {name: values[tiles] for name, values in boundary.items()}
        )
        return self.half.encode({name: np.concatenate(values) for name, values in codes.items()})
