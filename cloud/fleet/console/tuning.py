"""The page that tunes: read with an operator's weights, and turned into a rollout."""

from collections.abc import Callable, Mapping
from typing import Any

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cloud.fleet.api.operators import Operator
from cloud.fleet.console.gate import Gate, check_own_page
from cloud.fleet.console.layout import Frame
from cloud.fleet.console.pages.tune import TunedGroup, TunePageQuery, group_of, start_page, tune_page
from cloud.fleet.console.replies import form_of, onwards, page_reply, reason_of
from cloud.fleet.storage.audit import Who
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.devices import Selection
from cloud.fleet.storage.rollouts import PlanRequest, start
from cloud.fleet.wishes.merging import settings_of
from cloud.identity.identity import Role
from protos.errors import RequestError

_HEALTH_SECONDS = 3600.0

Tuned = Callable[[Mapping[str, str]], Mapping[str, Any]]  # what `/api/v1/tune` says, in a thread


class Tuning:
    """Belongs to the event loop."""

    def __init__(self, database: Database, gate: Gate, bucket: float, tuned: Tuned) -> None:
        self._database, self._gate, self._bucket, self._tuned = database, gate, bucket, tuned

    async def show(self, request: Request, operator: Operator) -> Response:
        query = _query(request.query_params)
        found = await self._read(query)
        return page_reply(tune_page(Frame(operator, self._gate.asks), query, found, operator.role))

    async def ask(self, request: Request, operator: Operator) -> Response:
        """Raises RequestError for a class of which nothing is known."""
        query = _query(request.query_params)
        return page_reply(start_page(Frame(operator, self._gate.asks), query, await self._group(query)))

    async def start(self, request: Request, _: Operator) -> Response:
        """Raises RequestError where it cannot be, Conflict where a device is in another rollout."""
        check_own_page(request)
        operator, form = await self._gate.admit(request, Role.ADMIN), await form_of(request)
        query, who = _query(form), Who(operator.name, reason_of(form))
        group = await self._group(query)
        settings = settings_of(msgspec.json.encode(group["settings"]))
        asked = PlanRequest(
            selection=Selection(devices=tuple(group["names"])),
            plan={"health": max(_HEALTH_SECONDS, 4 * self._bucket), "guards": group["guards"]},
        )
        name = await anyio.to_thread.run_sync(lambda: start(self._database, asked, settings, who))
        return onwards(f"/rollouts/{name}")

    async def _read(self, query: TunePageQuery) -> Mapping[str, Any]:
        return await anyio.to_thread.run_sync(lambda: self._tuned(query.asked()))

    async def _group(self, query: TunePageQuery) -> TunedGroup:
        asked = {**query.asked(), "names": "1"}
        group = group_of(await anyio.to_thread.run_sync(lambda: self._tuned(asked)), query)
        if group is None:
            raise RequestError("nothing is known of such a class of devices and links; go back to Tune")
        return group


def _query(given: Mapping[str, str]) -> TunePageQuery:
    fields = {("kind" if name == "class" else name): value[:64] for name, value in given.items()}
    return TunePageQuery(**{name: fields[name] for name in TunePageQuery._fields if name in fields})
