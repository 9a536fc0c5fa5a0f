"""How the parts of an answer add up.

    network = round trip + 8 bytes / uplink
    total   = head + local + asked (encode + network + queue + entry + generate)          (milliseconds)

`asked` is 1 but where the device answers first and asks the cloud only if it is not sure: then it is the
share of requests in which that is so, and `local` what the device's own answer takes.

Of a picture in tiles, head, encode and bytes are taken as so many times those of a tile; what the cloud takes
to its first token as so many times that of a usual picture.
"""

from dataclasses import dataclass

from protos import bundle_pb2 as pb

# of a request beside its payload and question, at most: bundle, cut and codec, secret, key, reference, tags
OVERHEAD_BYTES = 60
BITS_PER_BYTE_MS = 8000  # a byte over an uplink of so many bits a second, in milliseconds


@dataclass(frozen=True)
class Workload:
    """What is asked of the model, and how large the picture is."""

    tokens: float = (
        8.0  # expected length of the answer; of a dual encoder, labels that the device has to read
    )
    question_bytes: int = 0
    tiles: float = 1.0  # that the picture becomes
    mean_tiles: float = 1.0  # that the report's pictures became, over which `mean_bytes` are

    @property
    def size(self) -> float:
        """Of the picture, in usual ones."""
        return self.tiles / self.mean_tiles

    def request_bytes(self, mean_bytes: float) -> int:
        """A whole request around a payload that has so many bytes on average."""
        return round(mean_bytes * self.size) + self.question_bytes + OVERHEAD_BYTES


TYPICAL = Workload(question_bytes=32)


def usual_workload(manifest: pb.Manifest, measured: pb.Measurements, asked: Workload = TYPICAL) -> Workload:
    """What is asked, of a picture as large as the report's are on average. A dual encoder generates nothing:
    tokens would be labels to read, and it knows the bundle's own.
    """
    tokens = 0.0 if manifest.HasField("matching") else asked.tokens
    return Workload(tokens, asked.question_bytes, measured.mean_tiles, measured.mean_tiles)


@dataclass(frozen=True)
class Cost:
    """What an arm takes if it goes all its way. Milliseconds; 0 bytes are sent where the device answers
    alone. What a device takes may be an array, of an entry a device.
    """

    head: float = 0.0
    encode: float = 0.0
    queue: float = 0.0  # in the cloud
    entry: float = 0.0  # in the cloud: from payload to image tokens
    generate: float = 0.0  # prefill and tokens, here or there
    bytes_up: int = 0  # payload, question and the request's own fields
    local: float = 0.0  # an answer of the device's own before the cloud is asked
    asked: float = 1.0  # the share of requests in which what comes after that is needed

    @property
    def beside_network(self) -> float:
        """All that does not depend on the link, on average."""
        after = self.encode + self.queue + self.entry + self.generate
        return self.head + self.local + self.asked * after

    def total_ms(self, network_ms: float) -> float:
        """Of an answer on average, where an exchange takes so long."""
        return self.beside_network + self.asked * network_ms

    @property
    def mean_bytes(self) -> float:
        """That go up on average."""
        return self.asked * self.bytes_up
