"""The ways to answer that a bundle offers, and what each takes beside the network: the device's policy has
the same model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from protos import bundle_pb2 as pb
from protos.pictures.tiles import mean_tiles
from splitter.planning.device import DeviceTimes

# of a request beside its payload and question: digest, id, names, generation, field tags
OVERHEAD_BYTES = 160
Kind = Literal["split", "upload", "local"]


@dataclass(frozen=True)
class Work:
    """What is asked of the model."""

    tokens: float = 8.0  # expected length of an answer
    question_bytes: int = 32


TYPICAL = Work()


@dataclass(frozen=True)
class Choice:
    """One way to answer, named as `isthmus ask --route` does. Milliseconds, bytes, percent."""

    name: str  # local, split@CUT/CODEC, upload@FORMAT-QUALITY
    kind: Kind
    bytes_up: int  # payload, question and the request's own fields
    head: float
    encode: float
    entry: float  # in the cloud, from payload to image tokens
    generate: float  # prefill and tokens, here or there
    accuracy: float  # over the report's questions

    @property
    def here(self) -> float:
        """Milliseconds on the device."""
        return self.head + self.encode + (self.generate if self.kind == "local" else 0.0)

    @property
    def there(self) -> float:
        """Milliseconds in the cloud."""
        return 0.0 if self.kind == "local" else self.entry + self.generate

    def fixed(self, round_trip: float) -> float:
        """Milliseconds that do not depend on the uplink."""
        return self.here + self.there + (0.0 if self.kind == "local" else round_trip)

    def total(self, uplink: float, round_trip: float) -> float:
        """Milliseconds to the whole answer over a steady link of so many bits a second."""
        return self.fixed(round_trip) + 8000 * self.bytes_up / uplink


def choices(manifest: pb.Manifest, device: DeviceTimes, work: Work = TYPICAL) -> Iterator[Choice]:
    """Every cut with every codec, the uploads, and the answer on the device if the bundle has one."""
    beside = work.question_bytes + OVERHEAD_BYTES
    cloud = manifest.cloud_cost
    words = cloud.prefill_milliseconds + work.tokens * cloud.token_milliseconds
    tiles = mean_tiles(manifest.preprocessing)
    for cut in manifest.cuts:
        head = tiles * device.head(cut.name)
        for codec in cut.codecs:
            coding = f"{cut.name}/{codec.name}"
            size, encode = round(codec.mean_bytes) + beside, tiles * device.encode.get(coding, 0.0)
            yield Choice(
                f"split@{coding}", "split", size, head, encode, cut.cloud_milliseconds, words, codec.accuracy
            )
    for upload in manifest.uploads:
        coding = f"{upload.format}-{upload.quality}"
        size, encode = round(upload.mean_bytes) + beside, device.encode.get(coding, 0.0)
        yield Choice(
            f"upload@{coding}", "upload", size, 0.0, encode, cloud.vision_milliseconds, words, upload.accuracy
        )
    if manifest.HasField("local"):
        # A dual encoder says no tokens: they stand for labels that the device would have to read, and it
        # knows the bundle's own.
        spoken = device.prefill + (0 if manifest.HasField("matching") else work.tokens * device.token)
        yield Choice(
            "local", "local", 0, tiles * device.head(None), 0.0, 0.0, spoken, manifest.local.accuracy
        )
