"""The profile of a bundle on this device: what was measured here, if anything was."""

import logging
from dataclasses import replace
from pathlib import Path

from edge import config
from edge.costs.measure import machine
from edge.upload.picture_encoder import encodes
from protos.bundle import Bundle
from protos.costs.profile import COMMAND, DeviceProfile
from protos.errors import RequestError, WrongBundle
from protos.measurements import coding_of

_log = logging.getLogger(__name__)


def known_profile(bundle: Bundle, threads: int = 1, provider: str = "") -> DeviceProfile:
    """What was measured on this device with so many threads and this provider, if it is in its usual place,
    else the bundle's own numbers. A file that cannot be used is ignored with a warning.
    """
    if bundle.unmeasured:
        _log.warning("what each way costs and loses is a guess: %s", bundle.unmeasured)
    try:
        path = config.profile_file(bundle.digest, threads, provider)
        if path.exists():
            return _of_this_machine(DeviceProfile.load(path, bundle, usual=True), path)
    except (OSError, RequestError, WrongBundle) as error:
        _log.warning("the numbers of the machine that split are used: %s", error)
    guessed = DeviceProfile.from_bundle(bundle)
    unwritable = {str(c) for c in map(coding_of, bundle.measurements.uploads) if not encodes(c.format)}
    return replace(
        guessed, encode_ms={name: ms for name, ms in guessed.encode_ms.items() if name not in unwritable}
    )


def _of_this_machine(profile: DeviceProfile, path: Path) -> DeviceProfile:
    """Raises RequestError for the profile of another, as where a disk was copied."""
    if not profile.machine.startswith(machine()):
        raise RequestError(
            f"{path} was measured on {profile.machine}, this is {machine()}; measure again with: isthmus "
            f"{COMMAND}"
        )
    return profile
