"""What is believed of the link and of the cloud: a device learns it, the cost model reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from protos import bundle_pb2 as pb
from protos.bundle import PICTURE_CUT


@dataclass(frozen=True)
class LinkEstimate:
    """What past exchanges say of the way to the cloud."""

    uplink: float  # bits a second; what comes back is a few words, so the downlink is ignored
    round_trip_ms: float
    up: bool = True  # False while the breaker is open
    retry_seconds: float = 0.0  # until the breaker lets one call through
    unavailable_reason: str = ""  # why it is open
    exchanges: float = 0.0  # how many stand behind the estimate, old ones counting less
    doubt: float = 1.0  # relative standard error of the uplink

    @property
    def outage(self) -> str:
        """Why no call is let through now, and until when; empty if one is welcome."""
        reason = self.unavailable_reason or "cloud unreachable"
        return "" if self.up else f"{reason}, next try in {self.retry_seconds:.0f} s"


@dataclass(frozen=True)
class CloudEstimate:
    """What the cloud takes: the split's guess at first, then what its replies report."""

    entry_ms: Mapping[str, float]  # per cut ("pixels" for a picture): payload to image tokens
    prefill_ms: float
    token_ms: float
    queue_ms: float = 0.0

    @classmethod
    def from_measurements(cls, measured: pb.Measurements) -> Self:
        """The first guess: what the machine that split the model took."""
        cost = measured.cloud_cost
        entry = {name: cut.cloud_milliseconds for name, cut in measured.cuts.items()} | {
            PICTURE_CUT: cost.vision_milliseconds
        }
        return cls(entry, cost.prefill_milliseconds, cost.token_milliseconds)
