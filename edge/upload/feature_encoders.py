"""The sender's half of every codec: what a boundary becomes on the wire."""

from collections.abc import Mapping

import numpy as np
import onnxruntime as ort

from edge.models import runtime
from protos import bundle_pb2 as pb
from protos import codec
from protos.bundle import Bundle


class FeatureEncoders:
    """Encoders and coders of a bundle, each checked and loaded when it is first needed, and kept. The levels
    of a kind share an encoder.
    """

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        self._bundle, self._threads = bundle, threads
        self._coders: dict[tuple[str, str], codec.Codec] = {}
        self._encoders: dict[str, ort.InferenceSession] = {}

    def load(self) -> None:
        """Get every codec of every cut ready. Raises BundleDamaged."""
        for cut in self._bundle.manifest.cuts:
            for spec in cut.codecs:
                self._encoder(spec, self.coder(cut.name, spec.name))

    def encode(self, cut: str, name: str, boundary: Mapping[str, codec.Floats]) -> dict[str, bytes]:
        """A cut's boundary, tensors (tiles, ...), to payloads by tensor name. Raises UnknownName,
        BundleDamaged or PayloadError.
        """
        coder = self.coder(cut, name)
        return coder.encode(self.codes(cut, name, boundary, coder.feed))

    def codes(
        self, cut: str, name: str, boundary: Mapping[str, codec.Floats], feed: Mapping[str, codec.Floats]
    ) -> dict[str, codec.Codes]:
        """What the encoder makes of a boundary, tiles one after another; `feed` is what it takes besides.
        Raises as `encode`.
        """
        spec = self._bundle.codec(cut, name)
        encoder, codes = self._encoder(spec, self.coder(cut, name)), dict[str, codec.Codes](boundary)
        if encoder is not None:
            codes = dict(
                zip(
                    boundary,
                    encoder.run([codec.codes_name(tensor) for tensor in boundary], {**boundary, **feed}),
                    strict=True,
                )
            )
        return {tensor: np.concatenate(values) for tensor, values in codes.items()}

    def coder(self, cut: str, name: str) -> codec.Codec:
        """The sender's half of a codec. Raises UnknownName or BundleDamaged."""
        if (cut, name) not in self._coders:
            self._coders[cut, name] = codec.sender(self._bundle.codec(cut, name), self._bundle.file)
        return self._coders[cut, name]

    def _encoder(self, spec: pb.Codec, coder: codec.Codec) -> ort.InferenceSession | None:
        if spec.encoder and spec.encoder not in self._encoders:
            opened = runtime.session(self._bundle.file(spec.encoder), self._threads)
            tensors = [tensor.codes.name for tensor in spec.tensors]
            runtime.check(opened, spec.encoder, [*tensors, *coder.feed], map(codec.codes_name, tensors))
            self._encoders[spec.encoder] = opened
        return self._encoders.get(spec.encoder)
