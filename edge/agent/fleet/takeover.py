"""How it goes with a wish that needs another bundle: what it waits for, and since when."""

import time
from collections.abc import Callable

from edge.agent.fleet.consider import Reason, refusal
from edge.agent.status.update_status import UpdateStatus
from protos import fleet_pb2 as pb
from protos.terminal.units import format_time

_SHOWN = 12  # digits of a digest
_MAX_ERROR = 500


class TakeoverWatch:
    """Since this process began to try it: what a device's clock says may jump by years meanwhile."""

    def __init__(
        self, update: UpdateStatus, most: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`most`: seconds, after which a wish counts as failed, although it is still tried."""
        self._update, self._most, self._clock = update, most, clock
        self._version, self._since = 0, 0.0

    def seconds_left(self, trying: pb.Desired | None) -> float:
        """Until it counts as failed; infinite where it does already, or nothing is waited for."""
        if trying is None or not trying.settings.bundle.digest:
            return float("inf")
        if trying.version != self._version:
            self._version, self._since = trying.version, self._clock()
        left = self._since + self._most - self._clock()
        return left if left > 0 else float("inf")

    def tell(self, reported: pb.Reported, trying: pb.Desired | None) -> None:
        """Fill in what the wish waits for, and that it has failed, where that takes too long."""
        if trying is None or not (digest := trying.settings.bundle.digest):
            return
        told = _waited_for(digest, self._update)
        reported.takeover.CopyFrom(told)
        if self.seconds_left(trying) == float("inf") and not reported.HasField("refused"):
            why = f": {told.error}" if told.error else ""
            words = (
                f"for more than {format_time(1000 * self._most)} it waits for {told.waits_for}{why}; it is "
                "tried further until something else is wished for"
            )
            reported.refused.CopyFrom(refusal(trying.version, Reason.FAILED, "settings.bundle", words))


def _waited_for(digest: str, update: UpdateStatus) -> pb.Takeover:
    if update.on_trial:
        waits_for = f"the first answer of bundle {digest[:_SHOWN]}"
    elif update.state == "trying":
        waits_for = f"bundle {digest[:_SHOWN]} to be tried"
    else:
        waits_for = f"bundle {digest[:_SHOWN]} to be fetched"
    return pb.Takeover(waits_for=waits_for, failures=update.in_a_row, error=update.error[:_MAX_ERROR])
