"""What a split says, and its report shows, where a bundle answers much worse than the whole model."""

from collections.abc import Iterator, Mapping

from protos import bundle_pb2 as pb
from protos.arms.loss import NOISE, pictures_needed, sure_loss_of
from splitter.quantize.quant_format import QuantFormat

# Percent of cosine at a cut. Of the built-in model and a captioner of photographs, INT8 and INT4 heads that
# lost less took 0.6 points of accuracy or 0.02 nats a token; from 1.5 percent on, 6 points or 0.09 nats.
MUCH = 1.0
_HALF = 0.5  # of what the whole model gets right
_BOUND = 0.5  # the --max-loss that is named, in percent of cosine or points


def head_warnings(quant_format: QuantFormat, cosines: Mapping[str, float]) -> Iterator[str]:
    """A line where a head loses much by its format, at the worst of its cuts.

    `cosines`: how near each cut's tokens are to FP32's, 1 where they are the same.
    """
    cut = min(cosines, key=lambda name: cosines[name])
    if not (loss := 100 * (1 - cosines[cut])) <= MUCH:
        yield (
            f"warning: {quant_format} loses {loss:.1f} percent of cosine at {cut}, enough to spoil answers; "
            f"--max-loss {_BOUND} leaves the MatMuls that lose most in float until no more than that is lost "
            "at the last cut, --precision fp32 leaves all"
        )


def answer_warnings(measured: pb.Measurements) -> Iterator[str]:
    """A line for each cut whose best codec keeps less than half of what the whole model gets right."""
    for name, cut in measured.cuts.items():
        best = max((codec.accuracy for codec in cut.codecs.values()), default=0.0)
        if best < _HALF * measured.accuracy:
            yield (
                f"warning: at {name} the best codec scores {best:.1f}% ({measured.measure}), the whole "
                f"model {measured.accuracy:.1f}%; where fp16-zstd scores no more, the head loses it: "
                f"--max-loss {_BOUND} leaves the MatMuls that lose most in float"
            )


def promise_notes(measured: pb.Measurements) -> Iterator[str]:
    """A line where an agreement was asked for that cannot be promised."""
    if why := measured.local.calibration.unpromised:
        yield f"warning: {why} (--report-pictures; of a folder a fourth is measured on)"


def noise_notes(measured: pb.Measurements) -> Iterator[str]:
    """A line where so few pictures do not tell a loss of a point from noise, and how many would.

    The error is the largest of those that may lose no more than a point: of what surely loses more, nobody
    needs to know how much.
    """
    errors = [way.loss_error for way in _ways(measured) if sure_loss_of(way, measured.accuracy) <= 1]
    worst = max(errors, default=0.0)
    needed = pictures_needed(measured.pictures, worst)
    if needed > measured.pictures:
        yield (
            f"note: {measured.pictures} pictures do not tell whether a way loses a point or nothing: noise "
            f"is up to {NOISE * worst:.1f} points, and what is within it counts as nothing; about {needed:,} "
            "pictures would tell (--report-pictures; of a folder a fourth is measured on)"
        )


def _ways(
    measured: pb.Measurements,
) -> Iterator[pb.MeasuredCodec | pb.MeasuredUpload | pb.MeasuredLocal]:
    for cut in measured.cuts.values():
        yield from cut.codecs.values()
    yield from measured.uploads
    if measured.HasField("local"):
        yield measured.local
