"""The console's addresses: its pages, and what is changed from them."""

import time
from collections.abc import Awaitable, Callable

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloud.fleet.api.operators import Operator
from cloud.fleet.console.entrance import Entrance
from cloud.fleet.console.gate import Gate, check_own_page
from cloud.fleet.console.layout import LOGIN, LOGOUT, Frame, device_path
from cloud.fleet.console.pages.access import error_page
from cloud.fleet.console.pages.acting import VERBS, action_page, change_of
from cloud.fleet.console.pages.audit import PAGE, audit_page
from cloud.fleet.console.pages.device import device_page
from cloud.fleet.console.pages.devices import DeviceQuery, devices_page
from cloud.fleet.console.pages.fleet import fleet_page
from cloud.fleet.console.pages.rollout import rollout_page, rollouts_page
from cloud.fleet.console.pages.tune import PATH as TUNE
from cloud.fleet.console.pages.tune import START
from cloud.fleet.console.replies import HEADERS, form_of, onwards, page_reply, reason_of
from cloud.fleet.console.streams import Streams
from cloud.fleet.console.tuning import Tuned, Tuning
from cloud.fleet.console.views import Views
from cloud.fleet.storage.audit import Who, records
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.rollouts import KeptRollout, change_rollout, listed_rollouts, rollout_of
from protos.errors import IsthmusError, Unauthenticated, UnknownName
from protos.http.refusals import NOT_FOUND, Refused
from protos.pages.live import SCRIPT, SCRIPT_TEXT

_MAX_ROLLOUTS, _MAX_QUERY = 100, 80

Endpoint = Callable[[Request], Awaitable[Response]]
Seen = Callable[[Request, Operator], Awaitable[Response]]


class Console:
    """Belongs to the event loop."""

    def __init__(
        self,
        database: Database,
        gate: Gate,
        fleet: str,
        bucket: float,
        tuned: Tuned,
        leaving: anyio.Event,
    ) -> None:
        """`leaving`: set when the controller ends."""
        self._database, self._gate, self._fleet = database, gate, fleet
        self._views = Views(database, bucket)
        self._tuning = Tuning(database, gate, bucket, tuned)
        self._streams = Streams(gate, self._views, leaving)

    def routes(self) -> list[Route]:
        """As Starlette takes them."""
        entrance, get, post = Entrance(self._gate), ["GET"], ["POST"]
        pages: list[tuple[str, Seen]] = [
            ("/", self._show_fleet),
            ("/devices", self._show_devices),
            ("/devices/{device}", self._show_device),
            ("/rollouts", self._show_rollouts),
            ("/rollouts/{rollout}", self._show_rollout),
            ("/rollouts/{rollout}/{verb}", self._ask_action),
            ("/audit", self._show_audit),
            (TUNE, self._tuning.show),
            (START, self._tuning.ask),
        ]
        return [
            *(Route(path, self._for_viewers(page), methods=get) for path, page in pages),
            Route("/rollouts/{rollout}/{verb}", self._for_viewers(self._act), methods=post),
            Route(START, self._for_viewers(self._tuning.start), methods=post),
            *self._streams.routes(),
            Route(LOGIN, self._told(entrance.ask), methods=get),
            Route(LOGIN, self._told(entrance.enter), methods=post),
            Route(LOGOUT, self._told(entrance.leave), methods=post),
            Route(SCRIPT, _script),
            Route("/favicon.ico", _icon),
        ]

    def _for_viewers(self, page: Seen) -> Endpoint:
        """Others are led to where they sign in."""

        async def answer(request: Request) -> Response:
            try:
                operator = await self._gate.admit(request)
            except Unauthenticated:
                if request.method != "GET":
                    raise
                return onwards(f"{LOGIN}?next={request.url.path}")
            return await page(request, operator)

        return self._told(answer)

    def _told(self, page: Endpoint) -> Endpoint:
        """What goes wrong is told on a page."""

        async def answer(request: Request) -> Response:
            try:
                return await page(request)
            except IsthmusError as error:
                return page_reply(*error_page(await self._frame(request), _found(error, request)))

        return answer

    async def _frame(self, request: Request) -> Frame:
        try:
            return self._frame_of(await self._gate.admit(request))
        except IsthmusError:
            return Frame()

    def _frame_of(self, operator: Operator) -> Frame:
        return Frame(operator, self._gate.asks)

    async def _show_fleet(self, _: Request, operator: Operator) -> Response:
        parts = (await self._views.fleet())[1]
        return page_reply(fleet_page(self._frame_of(operator), self._fleet, parts))

    async def _show_devices(self, request: Request, operator: Operator) -> Response:
        asked, frame = request.query_params, self._frame_of(operator)
        fields = {name: asked.get(name, "")[:_MAX_QUERY] for name in ("name", "kind", "way", "connection")}
        query = DeviceQuery(**fields, page=_whole(asked.get("page", "")) or 1)
        survey, _ = await self._views.fleet()
        return page_reply(await anyio.to_thread.run_sync(lambda: devices_page(frame, survey, query)))

    async def _show_device(self, request: Request, operator: Operator) -> Response:
        name = request.path_params["device"]
        parts = await self._views.device(name)
        return page_reply(device_page(self._frame_of(operator), name, f"/live{device_path(name)}", parts))

    async def _show_rollouts(self, _: Request, operator: Operator) -> Response:
        rows = await self._views.read(lambda c: listed_rollouts(c, _MAX_ROLLOUTS))
        return page_reply(rollouts_page(self._frame_of(operator), rows, time.time()))

    async def _show_rollout(self, request: Request, operator: Operator) -> Response:
        name = request.path_params["rollout"]
        parts = await self._views.rollout(name, operator.role)
        return page_reply(rollout_page(self._frame_of(operator), name, f"/live/rollouts/{name}", parts))

    async def _show_audit(self, request: Request, operator: Operator) -> Response:
        thing, before = (
            request.query_params.get("object", "")[:128],
            _whole(request.query_params.get("before", "")),
        )
        rows = await self._views.read(lambda c: records(c, thing, PAGE, before))
        return page_reply(audit_page(self._frame_of(operator), rows, thing, before, time.time()))

    async def _ask_action(self, request: Request, operator: Operator) -> Response:
        kept = await self._rollout(request)
        return page_reply(action_page(self._frame_of(operator), kept, request.path_params["verb"]))

    async def _act(self, request: Request, _: Operator) -> Response:
        """Raises RequestError where no reason is given, or it cannot be done."""
        check_own_page(request)
        kept, verb = await self._rollout(request), request.path_params["verb"]
        operator, form = await self._gate.admit(request, VERBS[verb].needs), await form_of(request)
        why = reason_of(form)
        change = change_of(verb, why, unproven=form.get("unproven") == "yes")
        who = Who(operator.name, why)
        await anyio.to_thread.run_sync(lambda: change_rollout(self._database, kept.id, change, who))
        return onwards(f"/rollouts/{kept.id}")

    async def _rollout(self, request: Request) -> KeptRollout:
        """The one that something is to be done to. Raises Refused, UnknownName."""
        name, verb = request.path_params["rollout"], request.path_params["verb"]
        if verb not in VERBS:
            raise Refused(NOT_FOUND, f"nothing is done to a rollout by {verb[:40]!r}")
        return await self._views.read(lambda c: rollout_of(c, name))


def _whole(text: str) -> int | None:
    return int(text[:12]) or None if text.isascii() and text.isdigit() else None


def _found(error: IsthmusError, request: Request) -> IsthmusError:
    """An address that names nothing that is there is not found."""
    if isinstance(error, UnknownName) and error.facts.get("name") in request.path_params.values():
        return Refused(NOT_FOUND, str(error))
    return error


async def _script(_: Request) -> Response:
    return Response(SCRIPT_TEXT, media_type="text/javascript", headers=HEADERS)


async def _icon(_: Request) -> Response:
    """There is none, which browsers that ask are told."""
    return Response(status_code=204)
