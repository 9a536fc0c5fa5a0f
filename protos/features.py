"""Features as a request says them: cut, codec and tensors by their places in the manifest, or by name."""

from collections.abc import Mapping

from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.errors import PayloadError, UnknownName


def coding_number(manifest: pb.Manifest, cut: str, codec: str) -> int:
    """`Features.coding` of a codec of a cut. Raises UnknownName."""
    names = _codings(manifest)
    if (cut, codec) not in names:
        raise UnknownName("codec of a cut", f"{cut}/{codec}", ["/".join(name) for name in names])
    return names.index((cut, codec)) + 1


def coding_of(features: ip.Features, manifest: pb.Manifest) -> tuple[str, str]:
    """Cut and codec of features; names are as they came. Raises UnknownName for a number of none."""
    if not features.coding:
        return features.cut, features.codec
    names = _codings(manifest)
    if features.coding > len(names):
        raise UnknownName("codec", str(features.coding), [f"1 to {len(names)}"])
    return names[features.coding - 1]


def payloads_of(features: ip.Features, spec: pb.Codec) -> Mapping[str, bytes]:
    """The payloads by tensor; those without names are of the codec's tensors, in their order. Raises
    PayloadError.
    """
    names = [payload.name for payload in features.payloads]
    if not any(names):
        names = [tensor.codes.name for tensor in spec.tensors]
    if len(names) != len(features.payloads) or len(set(names)) < len(names):
        raise PayloadError("a tensor came twice in one request, or is missing; send each once")
    return {name: payload.data for name, payload in zip(names, features.payloads, strict=True)}


def _codings(manifest: pb.Manifest) -> list[tuple[str, str]]:
    return [(cut.name, codec.name) for cut in manifest.cuts for codec in cut.codecs]
