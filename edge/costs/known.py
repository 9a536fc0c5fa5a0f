"""The profile of a bundle on this device: what was measured here, if anything was."""

import logging
from dataclasses import replace

from edge import config
from edge.upload.picture_encoder import encodes
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import RequestError, WrongBundle
from protos.measurements import coding_of

_log = logging.getLogger(__name__)


def known_profile(bundle: Bundle) -> DeviceProfile:
    """What was measured on this device, if it is in its usual place, else the bundle's own numbers. A file
    that cannot be used is ignored with a warning.
    """
    if bundle.unmeasured:
        _log.warning("what each way costs and loses is a guess: %s", bundle.unmeasured)
    try:
        path = config.profile_file(bundle.digest)
        if path.exists():
            return DeviceProfile.load(path, bundle, usual=True)
    except (OSError, RequestError, WrongBundle) as error:
        _log.warning("the numbers of the machine that split are used: %s", error)
    guessed = DeviceProfile.from_bundle(bundle)
    unwritable = {str(c) for c in map(coding_of, bundle.measurements.uploads) if not encodes(c.format)}
    return replace(
        guessed, encode_ms={name: ms for name, ms in guessed.encode_ms.items() if name not in unwritable}
    )
