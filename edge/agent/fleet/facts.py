"""Who this device is, as the fleet is told at its birth."""

import importlib.metadata
import os
import platform
from pathlib import Path

from onnxruntime import get_available_providers

from edge.agent.config.settings import AgentSettings
from edge.costs.measure import machine
from edge.models.runtime import place
from protos import fleet_pb2 as pb
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile

_MAX_BUNDLES = 16


def device_facts(settings: AgentSettings, bundle: Bundle, profile: DeviceProfile, fetched: Path) -> pb.Device:
    """`profile`: what its answers are predicted by; `fetched`: the folder of bundles that were fetched."""
    held = [bundle.digest, *(digest for digest in _fetched(fetched) if digest != bundle.digest)]
    return pb.Device(
        version=importlib.metadata.version("isthmus"),
        python=platform.python_version(),
        machine=machine(),
        architecture=platform.machine(),
        system=f"{platform.system()} {platform.release()}",
        cores=os.cpu_count() or 1,
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        providers=get_available_providers(),
        provider=place(bundle, bundle.manifest.precision, settings.provider).providers[0][0],
        bundle=bundle.digest,
        bundles=held,
        cuts=[
            pb.HeldCut(name=cut.name, codecs=[codec.name for codec in cut.codecs])
            for cut in bundle.manifest.cuts
        ],
        times=device_times(profile),
    )


def device_times(profile: DeviceProfile) -> pb.DeviceTimes:
    """A profile as a message."""
    return pb.DeviceTimes(
        pieces=profile.pieces,
        encode=profile.encode_ms,
        prefill=profile.prefill_ms,
        token=profile.token_ms,
        preprocess=profile.preprocess_ms,
        pixels=profile.pixels_ms,
        measured=profile.measured,
    )


def _fetched(folder: Path) -> list[str]:
    """The digests of the bundles there."""
    if not folder.is_dir():
        return []
    found = [one.name for one in folder.iterdir() if (one / "manifest.json").is_file()]
    return sorted(found)[:_MAX_BUNDLES]
