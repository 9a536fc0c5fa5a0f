"""A small bundle to plan with, as plain values."""

from protos import bundle_pb2 as pb
from protos.bundle import FORMAT
from protos.costs.profile import DeviceProfile
from splitter.planning.links import Link, Steady
from splitter.planning.plan import Demands, Plan, plan


def manifest(*, local_ms: float = 400.0, local_accuracy: float = 94.5) -> pb.Manifest:
    """Early cut: little work, many bytes. Connector: more work, few bytes. WebP loses two points."""
    early = pb.Cut(name="vision.2", cloud_milliseconds=8)
    early.codecs.add(name="int8-zstd", encode_milliseconds=0.4, mean_bytes=10_000, accuracy=94.9)
    late = pb.Cut(name="connector", cloud_milliseconds=1)
    late.codecs.add(name="int8-zstd", encode_milliseconds=0.1, mean_bytes=1_000, accuracy=94.8)
    return pb.Manifest(
        format=FORMAT,
        model="nano",
        family="idefics3",
        pieces=[pb.Piece(cut="vision.2", milliseconds=20), pb.Piece(cut="connector", milliseconds=40)],
        cuts=[early, late],
        uploads=[
            pb.Upload(format="jpeg", quality=75, mean_bytes=4_000, accuracy=95.0),
            pb.Upload(format="webp", quality=15, mean_bytes=900, accuracy=93.0),
        ],
        local=pb.Local(accuracy=local_accuracy, prefill_milliseconds=local_ms, token_milliseconds=25),
        accuracy=95.0,
        cloud_cost=pb.CloudCost(vision_milliseconds=10, prefill_milliseconds=10, token_milliseconds=5),
    )


MANIFEST = manifest()
DEVICE = DeviceProfile.from_manifest(MANIFEST)
NARROW, WIDE = Steady(100e3, 60), Steady(100e6, 60)


def made(link: Link = NARROW, held: pb.Manifest = MANIFEST, **demands: float) -> Plan:
    return plan(held, DeviceProfile.from_manifest(held), link, Demands(**demands))  # type: ignore[arg-type]
