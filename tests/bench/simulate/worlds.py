"""Small bundles, links and scenarios for tests: plain values that can be reckoned with by hand."""

from dataclasses import replace
from pathlib import Path

from bench.simulate.scenario import Scenario
from protos import bundle_pb2 as pb
from protos.bundle import FORMAT, Bundle, write_manifest
from protos.costs.cost import OVERHEAD_BYTES
from protos.costs.estimates import CloudEstimate
from protos.costs.profile import DeviceProfile
from protos.measurements import write_measurements
from protos.traces import Trace

STEADY = Trace(tuple(range(1, 1001)))  # a packet of 1500 bytes each millisecond: 12 Mbit/s
# 2 s at 12 Mbit/s, 3 s of nothing
STEP = Trace((*range(1, 2001), 5000))
# 4 s at 2 Mbit/s, 1 s of nothing, twelve times
GAPS = Trace(tuple(begin + ms for begin in range(0, 60_000, 5000) for ms in (*range(6, 4000, 6), 5000)))


def write_bundle(folder: Path, *, with_local: bool = True, calibrated: bool = False) -> Bundle:
    """One cut, one codec, two uploads, on paper: nothing of it can be run. Its requests have 1,000 bytes by
    the codec, 4,500 and 15,000 by the uploads. `calibrated`: the cloud may be asked about the 30% of local
    answers that are the least sure.
    """
    cut = pb.Cut(name="connector", codecs=[pb.Codec(name="fitted-1")])
    manifest = pb.Manifest(
        format=FORMAT,
        model="paper",
        pieces=[pb.Piece(cut="connector")],
        cuts=[cut],
        limits=pb.Limits(max_new_tokens=32),
        local=pb.Local(decoder="decoder.onnx") if with_local else None,
    )
    beside = OVERHEAD_BYTES + 32
    measured = pb.Measurements(
        accuracy=95.0,
        mean_tiles=1.0,
        cuts={
            "connector": pb.MeasuredCut(
                piece_milliseconds=40.0,
                cloud_milliseconds=1.0,
                codecs={
                    "fitted-1": pb.MeasuredCodec(
                        mean_bytes=1000 - beside, accuracy=95.0, encode_milliseconds=2
                    )
                },
            )
        },
        uploads=[
            pb.MeasuredUpload(
                format="jpeg", quality=75, mean_bytes=4_500 - beside, accuracy=94.5, encode_milliseconds=2.0
            ),
            pb.MeasuredUpload(
                format="jpeg", quality=95, mean_bytes=15_000 - beside, accuracy=95.0, encode_milliseconds=2.0
            ),
        ],
        local=pb.MeasuredLocal(accuracy=94.8, prefill_milliseconds=100.0, token_milliseconds=10.0)
        if with_local
        else None,
        cloud_cost=pb.CloudCost(vision_milliseconds=20.0, prefill_milliseconds=5.0, token_milliseconds=3.0),
    )
    if calibrated:
        cascades = [pb.Cascade(escalated=0.3, threshold=0.8, accuracy=94.9)]
        measured.local.calibration.CopyFrom(
            pb.Calibration(cut="connector", codec="fitted-1", cascades=cascades)
        )
    write_measurements(folder, measured, write_manifest(folder, manifest))
    return Bundle.open(folder)


def scenario(folder: Path, trace: Trace = STEADY, *, calibrated: bool = False, **changes: object) -> Scenario:
    """The paper bundle on a device that prepares a picture in no time, over a link without round trip."""
    bundle = write_bundle(folder, calibrated=calibrated)
    device = replace(DeviceProfile.from_bundle(bundle), preprocess_ms=0.0, pixels_ms=0.0)
    plain = Scenario(
        bundle=bundle,
        device=device,
        cloud=CloudEstimate.from_measurements(bundle.measurements),
        rate=trace,
        mean_rate=trace.rate,
        round_trip=0.0,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]
