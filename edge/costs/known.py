"""The profile of a bundle on this device: what was measured here, if anything was."""

import logging

from edge import config
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import RequestError, WrongBundle

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
    return DeviceProfile.from_bundle(bundle)
