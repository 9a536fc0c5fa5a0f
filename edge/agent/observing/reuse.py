"""Answers of a source that are given again, for frames that are like the one that was asked about."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import anyio.to_thread

from edge.agent.gating.gate import AskedFrame, Features, GateVerdict, compare, compare_features
from edge.agent.gating.likeness import luma_of
from edge.agent.observing.standing_answer import StandingAnswer
from edge.agent.settings.gate import GateSettings
from edge.agent.sources.frame import Frame
from protos.arrays import Floats

FeaturesOf = Callable[[Frame], Awaitable[Features]]  # what the head makes of a frame at one cut


@dataclass
class Look:
    """A frame as the gate sees it; each part is made when it is asked for, and once."""

    frame: Frame
    luma: Floats
    features: Features | None = None


class Reuse:
    """The last answer to each question, and what it is about."""

    def __init__(self, settings: GateSettings, features_of: FeaturesOf) -> None:
        self._settings, self._features_of = settings, features_of if settings.features else None
        self._asked = dict[str, tuple[AskedFrame, StandingAnswer]]()

    async def look(self, frame: Frame) -> Look | None:
        """None where the gate is off."""
        if not self._settings.enabled:
            return None
        return Look(frame, await anyio.to_thread.run_sync(luma_of, frame.picture))

    async def answer(self, question: str, look: Look) -> StandingAnswer | None:
        """The earlier answer to a question, which holds for this frame; None where it is to be asked."""
        if question not in self._asked:
            return None
        asked, answer = self._asked[question]
        verdict = compare(asked, time.monotonic(), look.luma, self._settings)
        if verdict is GateVerdict.UNSURE and (features := await self._features(look)) is not None:
            verdict = compare_features(asked, features, self._settings)
        if verdict is not GateVerdict.SAME:
            return None
        reused = answer.frame.sequence if answer.reused is None else answer.reused
        return replace(answer, frame=look.frame, reused=reused, asked=False)

    async def keep(self, look: Look, answer: StandingAnswer) -> None:
        """An answer to reuse."""
        features = await self._features(look)
        self._asked[answer.question] = AskedFrame(time.monotonic(), look.luma, features), answer

    async def _features(self, look: Look) -> Features | None:
        if look.features is None and self._features_of:
            look.features = await self._features_of(look.frame)
        return look.features
