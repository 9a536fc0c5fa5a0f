"""Where another bundle comes from, while the agent runs."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from edge.agent.settings.quantities import Bytes, Milliseconds, Section, Url
from protos.archive import ENDINGS
from protos.connection.address import is_loopback
from protos.errors import RequestError

PLACE = "{digest}"  # in a url, for that of the bundle that is wanted
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MIN_EVERY_MS = 1000.0


def is_digest(text: str) -> bool:
    """Whether a text may be a bundle's digest, and is safe in a url and in the name of a folder."""
    return bool(_DIGEST.fullmatch(text))


class UpdateSettings(Section, frozen=True):
    """`[update]`. Without it nothing is fetched."""

    url: Url  # of what `isthmus bundle pack --edge` wrote
    digest: str | None = (
        None  # the bundle that is wanted; else one that the cloud serves, or what `url` gives
    )
    every: Milliseconds | None = None  # how often a url without {digest} is asked whether it has another
    max_bytes: Bytes = Bytes(4_000_000_000)  # of an archive, and of the files in it
    ca: Path | None = None
    token_file: Path | None = None  # its first line is sent as a bearer token
    allow_plain: bool = False  # http:// to another machine

    def check(self, *, clouds: bool) -> None:
        """`clouds`: whether there are any. Raises RequestError."""
        place = urlsplit(self.url.text)
        if place.scheme not in {"http", "https"} or not place.hostname:
            raise RequestError(f"update.url: {self.url} is none of the web; write https://HOST/PATH")
        if place.username or place.password:
            raise RequestError("update.url: it has a password in it; use token-file")
        if not place.path.endswith(ENDINGS):
            raise RequestError(
                f"update.url: {self.url} names no archive; write one that ends in {' or '.join(ENDINGS)}, as "
                "isthmus bundle pack --edge -o makes it"
            )
        if place.scheme == "http" and not (self.allow_plain or is_loopback(place.hostname)):
            raise RequestError(
                f"update.url: what {place.hostname} sends over http:// can be changed on the way; write "
                "https://, or allow-plain = true where the network is your own"
            )
        self._check_wanted(clouds=clouds)

    @property
    def by_digest(self) -> bool:
        """Whether the url is that of one bundle."""
        return PLACE in self.url.text

    def url_of(self, digest: str) -> str:
        """Where a bundle is; of a url that names none, whichever is there."""
        return self.url.text.replace(PLACE, digest)

    def _check_wanted(self, *, clouds: bool) -> None:
        """Whether the settings say when something is fetched."""
        if self.digest is not None and not is_digest(self.digest):
            raise RequestError(
                f"update.digest: {self.digest!r} is no digest; give the 64 hexadecimal digits that isthmus "
                "bundle verify --json tells"
            )
        if self.every is not None and self.every < _MIN_EVERY_MS:
            raise RequestError("update.every: that is too often; give 1s or more, 1h is usual")
        if self.every is not None and (self.by_digest or self.digest):
            raise RequestError(
                "update.every: what has a digest does not change; leave it out, or digest and {digest}"
            )
        if not (self.digest or self.every or (self.by_digest and clouds)):
            remedy = "give digest, or [cloud]" if self.by_digest else "give digest, or every"
            raise RequestError(f"update: nothing says when a bundle is fetched; {remedy}")
