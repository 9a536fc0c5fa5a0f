"""Whether two versions of a bundle can be given one and the same request."""

from collections.abc import Iterable, Mapping

from protos import bundle_pb2 as pb
from protos.bundle import PICTURE_CUT, WEIGHTS

_TOKENIZER = "cloud/tokenizer.json"


def comparable_cuts(stable: pb.Manifest, candidate: pb.Manifest) -> frozenset[str]:
    """The cuts at which what was sent for the stable version is what would be sent for the candidate, too:
    one head up to there, and the same codecs. PICTURE_CUT, for uploads, where both see the same pixels. None
    where they do not read the same prompt.
    """
    ours, theirs = _digests(stable), _digests(candidate)
    if not _asks_alike(stable, candidate, ours, theirs) or stable.preprocessing != candidate.preprocessing:
        return frozenset()
    found = {PICTURE_CUT}
    for cut, (own, other) in _heads(stable, candidate).items():
        if own == other and _same_files(_files_to(stable, cut), ours, theirs):
            found.add(cut)
    return frozenset(found)


def _asks_alike(
    stable: pb.Manifest, candidate: pb.Manifest, ours: Mapping[str, str], theirs: Mapping[str, str]
) -> bool:
    """Whether a question, or labels, become the same tokens."""
    return (
        stable.HasField("matching") == candidate.HasField("matching")
        and stable.prompt == candidate.prompt
        and stable.matching.template == candidate.matching.template
        and stable.matching.tokenizer == candidate.matching.tokenizer
        and _same_files([_TOKENIZER, stable.matching.tokenizer], ours, theirs)
    )


def _heads(
    stable: pb.Manifest, candidate: pb.Manifest
) -> Mapping[str, tuple[tuple[object, ...], tuple[object, ...]]]:
    """What the manifests say of head and codecs, of each cut that both have."""
    shared = {cut.name for cut in stable.cuts} & {cut.name for cut in candidate.cuts}
    return {name: (_head_to(stable, name), _head_to(candidate, name)) for name in shared}


def _head_to(manifest: pb.Manifest, cut: str) -> tuple[object, ...]:
    return (
        *_pieces_to(manifest, cut),
        *(codec for one in manifest.cuts if one.name == cut for codec in one.codecs),
    )


def _pieces_to(manifest: pb.Manifest, cut: str) -> list[pb.Piece]:
    names = [piece.cut for piece in manifest.pieces]
    return list(manifest.pieces[: names.index(cut) + 1])


def _files_to(manifest: pb.Manifest, cut: str) -> list[str]:
    """What the device computes with up to a cut, and both halves of its codecs."""
    codecs = [codec for one in manifest.cuts if one.name == cut for codec in one.codecs]
    pieces = [piece.path for piece in _pieces_to(manifest, cut)]
    return [*pieces, *(file for codec in codecs for file in (codec.encoder, codec.sender, codec.receiver))]


def _same_files(paths: Iterable[str], ours: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    places = [place for path in paths if path for place in (path, path + WEIGHTS)]
    return all(ours.get(place) == theirs.get(place) for place in places)


def _digests(manifest: pb.Manifest) -> Mapping[str, str]:
    return {file.path: file.sha256 for file in manifest.files}
