"""The held-out pictures of a bundle, answered by one route after another."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from edge.pictures.files import decode_picture
from edge.requests.asynchronous import AsyncOrchestrator
from edge.requests.orchestrator import Orchestrator
from edge.requests.turn import Priority
from protos import bundle_pb2 as bp
from protos import fleet_pb2 as pb
from protos import inference_pb2 as ip
from protos.arms import arms_of, check_route
from protos.arms.arm import Situation
from protos.arms.rules import LOCAL, Rules
from protos.bundle import Bundle
from protos.errors import IsthmusError, RequestError

_MAX_PIXELS = 1 << 24  # of a picture that a bundle brings
_MAX_FAILED = 3  # without an answer before: then a route is given up


def forcing(wished: Sequence[str], rules: Rules, bundle: Bundle, *, remote: bool) -> dict[str, Rules]:
    """The routes to test, and the rules that force each: those that are wished for, else this device's own
    answer and a split at each cut that the rules allow. `remote`: whether there is a cloud. Pure. Raises
    RequestError where the rules forbid what is wished for, or all, and for a route that is none.
    """
    arms = arms_of(bundle.manifest, bundle.measurements, remote=remote)

    def possible(route: str) -> bool:
        situation = Situation(_forced(route, rules), None)
        return any(not arm.forbidden(situation) for arm in arms)

    for route in wished:
        check_route(route, bundle.manifest, bundle.measurements)
        if not possible(route):
            raise RequestError(f"this device may not answer by {route}, or cannot; leave that route out")
    usual = [*([LOCAL] if rules.allow_local else []), *(f"split@{cut.name}" for cut in bundle.manifest.cuts)]
    routes = list(dict.fromkeys(wished)) or [route for route in usual if possible(route)]
    if not routes:
        raise RequestError("the rules leave neither a local answer nor a split to test; name routes instead")
    return {route: _forced(route, rules) for route in routes}


def _forced(route: str, rules: Rules) -> Rules:
    """No deadline counts, and the device does not answer in a cloud's place."""
    return replace(rules, route=route, deadline_ms=None, allow_local=route == LOCAL)


class SelfTest:
    """While others ask the same orchestrator: it comes after them."""

    def __init__(self, orchestrator: Orchestrator, held_out: bp.HeldOut) -> None:
        self._requests, self._pictures = AsyncOrchestrator(orchestrator, max_requests=1), held_out.pictures
        self._generation = ip.Generation(max_tokens=held_out.max_tokens)

    async def run(
        self, routes: dict[str, Rules], pictures: int, progress: Callable[[float], None]
    ) -> list[pb.RouteAccuracy]:
        """So many pictures by each route, 0: all; `progress` is told the part that is done. Raises the last
        error where no route has answered anything.
        """
        found, lost = list[pb.RouteAccuracy](), list[IsthmusError]()
        for place, (route, rules) in enumerate(routes.items()):
            accuracy = pb.RouteAccuracy(route=route)
            for number, picture in enumerate(tested := self._pictures[: pictures or None]):
                progress((place + number / len(tested)) / len(routes))
                await self._count(picture, rules, accuracy, lost)
                if accuracy.failed == accuracy.pictures == _MAX_FAILED:
                    break
            found.append(accuracy)
        if all(one.failed == one.pictures for one in found):
            raise lost[-1]
        return found

    async def _count(
        self, picture: bp.HeldOutPicture, rules: Rules, accuracy: pb.RouteAccuracy, lost: list[IsthmusError]
    ) -> None:
        """One answer more; why there is none goes into `lost`."""
        accuracy.pictures += 1
        try:
            accuracy.right += await self._is_right(picture, rules)
        except IsthmusError as error:
            accuracy.failed += 1
            lost.append(error)

    async def _is_right(self, picture: bp.HeldOutPicture, rules: Rules) -> bool:
        answer = await self._requests.answer(
            decode_picture(picture.file, _MAX_PIXELS),
            picture.question,
            rules=rules,
            generation=self._generation,
            priority=Priority.STANDING,
        )
        return answer.text.strip() == picture.answer.strip()
