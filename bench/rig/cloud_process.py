"""The cloud service as a child process that can be killed and never outlives its parent."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from bench.rig.watched_process import START_SECONDS, WatchedProcess

_HTTP = "HTTP at "


class CloudProcess(WatchedProcess):
    """`isthmus cloud serve` of some bundles at `listen`, a free port unless given, with further `options`;
    runs inside `with`. Raises CloudError where it does not come up.
    """

    def __init__(
        self,
        *bundles: Path,
        seconds: float = START_SECONDS,
        listen: str = "127.0.0.1:0",
        options: Sequence[object] = (),
    ) -> None:
        served = chain.from_iterable(("--bundle", bundle) for bundle in bundles)
        # what is measured again and again is to be worked for again and again
        afresh = ("--keep-results", "0s")
        serve = ("cloud", "serve", *served, "--listen", listen, *afresh, *options)
        super().__init__("the cloud service", serve, "listening on ", seconds)

    @property
    def http_url(self) -> str:
        """Where its metrics are, with --http among the options."""
        return next(line.removeprefix(_HTTP) for line in self.greeting if line.startswith(_HTTP))
