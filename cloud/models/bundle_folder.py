"""The folder of bundles that may be loaded while the service runs."""

import string
from pathlib import Path

from protos.bundle import MANIFEST, Bundle
from protos.errors import BundleError, RequestError, UnknownName

_MIN_DIGITS = 8  # of a digest, that name a bundle


class BundleFolder:
    """Bundles side by side, each a folder in one that the operator names. What is asked for is compared with
    the names in there, and never made a path.
    """

    def __init__(self, folder: Path | None) -> None:
        """None: no bundle may be loaded."""
        self._folder = folder

    def bundles(self) -> list[Bundle]:
        """Those that can be read, by name."""
        found = []
        for place in self._places():
            try:
                found.append(Bundle.open(place))
            except BundleError:
                continue
        return found

    def find(self, name: str) -> Bundle:
        """A bundle by its folder's name, or by the first digits of its digest. Raises RequestError where
        there is none, or no folder of them, and BundleError for one that cannot be read.
        """
        if self._folder is None:
            raise RequestError(
                "this service was started without --bundles DIR, the folder of bundles that may be loaded; "
                "start it with one"
            )
        for place in self._places():
            if place.name == name:
                return Bundle.open(place)
        bundles = self.bundles()
        digits = len(name) >= _MIN_DIGITS and not set(name.lower()) - set(string.hexdigits)
        named = [bundle for bundle in bundles if digits and bundle.digest.startswith(name.lower())]
        if not named or len({bundle.digest for bundle in named}) > 1:
            raise UnknownName("bundle in --bundles", name, [bundle.path.name for bundle in bundles])
        return named[0]

    def _places(self) -> list[Path]:
        if self._folder is None or not self._folder.is_dir():
            return []
        return sorted(place for place in self._folder.iterdir() if (place / MANIFEST).is_file())
