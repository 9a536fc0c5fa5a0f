"""The profile of a bundle on this device: what was measured here, if anything was."""

from edge import config
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile


def known_profile(bundle: Bundle) -> DeviceProfile:
    """What was measured on this device, if it is in its usual place, else the bundle's own numbers."""
    path = config.profile_file(bundle.digest)
    return DeviceProfile.load(path, bundle) if path.exists() else DeviceProfile.from_bundle(bundle)
