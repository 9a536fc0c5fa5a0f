"""One picture as the device has it, for as many questions as are asked about it."""

from collections.abc import Callable, Mapping, Sequence

from edge.models.head import HeadOutput
from edge.requests.question import Prepared
from protos.arrays import Floats


class View:
    """Made by `Orchestrator.view`. It is resized once, the head goes on from where it has come to, and what
    the cloud keeps of it is not sent again.

    `source` names the camera that it is of: its features are coded against the last frame of the same
    source. `number`: of the frame, as the source counts. `frame` is what the cloud calls what it keeps of it;
    empty if it keeps nothing. Only the orchestrator writes to it, when it is its request's turn.
    """

    def __init__(
        self,
        prepared: Prepared,
        source: str,
        bundle: str,
        cuts: Sequence[str],
        reach: Callable[["View", str], HeadOutput],
        number: int = 0,
    ) -> None:
        """`bundle`: its digest; `cuts`: every cut in the order of the head; `reach` runs the head to one."""
        self.prepared, self.source, self.bundle, self.frame = prepared, source, bundle, ""
        self.number = number
        self._cuts, self._reach = cuts, reach
        self._outputs: dict[str, HeadOutput] = {}

    def features(self, cut: str) -> Mapping[str, Floats]:
        """What the head makes of it at a cut: float32 (tiles, ...) by the tensor's name. Raises UnknownName
        or BundleDamaged.
        """
        return (self._outputs.get(cut) or self._reach(self, cut)).boundary

    def reached(self, cut: str = "") -> HeadOutput | None:
        """The farthest boundary that the head has come to on its way to a cut, or to its end."""
        place = self._cuts.index(cut) + 1 if cut in self._cuts else len(self._cuts)
        outputs = (self._outputs.get(name) for name in reversed(self._cuts[:place]))
        return next((output for output in outputs if output), None)

    @property
    def cuts(self) -> tuple[str, ...]:
        """Those that the head has come to."""
        return tuple(self._outputs)

    def note(self, output: HeadOutput) -> None:
        """The head has come to a boundary."""
        self._outputs[output.cut] = output
