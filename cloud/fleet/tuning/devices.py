"""What a device of the fleet is, as far as tuning asks: its class, what its parts take, what holds for it."""

from typing import NamedTuple, TypeVar

import msgspec

from cloud.fleet.storage.observations import DeviceRecord
from protos.arms.rules import Rules
from protos.costs.weights import Weights

_MAX_MS = 3.6e6
_ANY_LOSS = 100.0  # percent

ToldT = TypeVar("ToldT", bound=msgspec.Struct)


class ToldTimes(msgspec.Struct, frozen=True):
    """`DeviceTimes` of fleet.proto."""

    pieces: dict[str, float] = {}
    encode: dict[str, float] = {}
    prefill: float = 0.0
    token: float = 0.0
    preprocess: float = 0.0
    pixels: float = 0.0
    measured: bool = False


class _Cut(msgspec.Struct, frozen=True):
    name: str = ""
    codecs: list[str] = []


class _Device(msgspec.Struct, frozen=True):
    times: ToldTimes = ToldTimes()
    cuts: list[_Cut] = []


class _State(msgspec.Struct, frozen=True):
    device: _Device = _Device()


class _Weights(msgspec.Struct, frozen=True):
    accuracy: float = Weights.accuracy_point
    kilobyte: float = Weights.kilobyte
    joule: float = Weights.joule


class _Rules(msgspec.Struct, frozen=True):
    never_upload: bool = False
    never_leave_device: bool = False
    local: bool = True
    max_loss: float = 100.0
    deadline_milliseconds: float = 0.0


class _Cuts(msgspec.Struct, frozen=True):
    allowed: tuple[str, ...] = ()
    pinned: str = ""
    codec: str = ""


class HeldSettings(msgspec.Struct, frozen=True):
    """Of `FleetSettings`, what a decision depends on."""

    cuts: _Cuts = _Cuts()
    weights: _Weights = _Weights()
    rules: _Rules = _Rules()

    def policy_weights(self) -> Weights:
        told = self.weights
        return Weights(1.0, told.accuracy, told.kilobyte, told.joule)

    def policy_rules(self, *, cuts: bool = True) -> Rules:
        """All but the deadline, which is no prohibition; `cuts`: those about cuts, too."""
        rules, held = self.rules, self.cuts if cuts else _Cuts()
        return Rules(
            never_upload=rules.never_upload,
            never_leave_device=rules.never_leave_device,
            allow_local=rules.local,
            max_loss=rules.max_loss if rules.max_loss < _ANY_LOSS else None,
            cuts=(held.pinned,) if held.pinned else held.allowed,
            codec=held.codec,
        )


class _Reported(msgspec.Struct, frozen=True):
    settings: HeldSettings = HeldSettings()


class TunedDevice(NamedTuple):
    """`held`: CUT/CODEC that it has; empty where it does not tell."""

    name: str
    kind: str
    bundle: str
    times: ToldTimes
    held: frozenset[str]
    settings: HeldSettings


def tuned_device(record: DeviceRecord) -> TunedDevice:
    """What it told that is no such thing counts as not told."""
    device = _decoded(record.device, _State).device
    held = frozenset(f"{cut.name}/{codec}" for cut in device.cuts for codec in cut.codecs)
    settings = _decoded(record.reported, _Reported).settings
    return TunedDevice(record.name, record.kind, record.bundle, device.times, held, settings)


def held_settings(text: str) -> HeldSettings:
    """Of `FleetSettings` as JSON."""
    return _decoded(text, HeldSettings)


def bounded_ms(value: float) -> float:
    """A time as it is believed."""
    return min(max(value, 0.0), _MAX_MS)


def _decoded(text: str, kind: type[ToldT]) -> ToldT:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError:
        return kind()
