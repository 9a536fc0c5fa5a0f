"""A small bundle to plan with, as plain values."""

from protos import bundle_pb2 as pb
from protos.bundle import FORMAT
from protos.costs.profile import DeviceProfile
from splitter.planning.links import Link, Steady
from splitter.planning.plan import Demands, Plan, plan

MANIFEST = pb.Manifest(
    format=FORMAT,
    model="nano",
    family="idefics3",
    pieces=[pb.Piece(cut="vision.2"), pb.Piece(cut="connector")],
    cuts=[pb.Cut(name=name, codecs=[pb.Codec(name="int8-zstd")]) for name in ("vision.2", "connector")],
    local=pb.Local(decoder="edge/local/decoder.onnx"),
)


def measured(
    *, local_ms: float = 400.0, token_ms: float = 25.0, local_accuracy: float = 94.5, mean_tiles: float = 1.0
) -> pb.Measurements:
    """Early cut: little work, many bytes. Connector: more work, few bytes. WebP loses two points."""
    few = pb.MeasuredCodec(encode_milliseconds=0.1, mean_bytes=1_000, accuracy=94.8)
    many = pb.MeasuredCodec(encode_milliseconds=0.4, mean_bytes=10_000, accuracy=94.9)
    cuts = {
        "vision.2": pb.MeasuredCut(piece_milliseconds=20, cloud_milliseconds=8, codecs={"int8-zstd": many}),
        "connector": pb.MeasuredCut(piece_milliseconds=40, cloud_milliseconds=1, codecs={"int8-zstd": few}),
    }
    return pb.Measurements(
        accuracy=95.0,
        mean_tiles=mean_tiles,
        cuts=cuts,
        uploads=[
            pb.MeasuredUpload(format="jpeg", quality=75, mean_bytes=4_000, accuracy=95.0),
            pb.MeasuredUpload(format="webp", quality=15, mean_bytes=900, accuracy=93.0),
        ],
        local=pb.MeasuredLocal(
            accuracy=local_accuracy, prefill_milliseconds=local_ms, token_milliseconds=token_ms
        ),
        cloud_cost=pb.CloudCost(vision_milliseconds=10, prefill_milliseconds=10, token_milliseconds=5),
    )


MEASURED = measured()
DEVICE = DeviceProfile.from_measurements(MANIFEST, MEASURED)
NARROW, WIDE = Steady(100e3, 60), Steady(100e6, 60)


def made(
    link: Link = NARROW, found: pb.Measurements = MEASURED, held: pb.Manifest = MANIFEST, **demands: float
) -> Plan:
    device = DeviceProfile.from_measurements(held, found)
    return plan(held, found, device, link, Demands(**demands))  # type: ignore[arg-type]
