"""`/api/v1`: one method an operation."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cloud.fleet.api.operators import Operators
from cloud.fleet.api.requests import (
    Explained,
    JobBody,
    LabelBody,
    ResumeBody,
    RolloutBody,
    SelectedDevices,
    SetBody,
    body_of,
    count_of,
    selection_of,
)
from cloud.fleet.api.showing import shown_device, shown_job, shown_rollout
from cloud.fleet.api.tuner import Tuner
from cloud.fleet.api.tuning_queries import (
    DRIFT_QUERY,
    TUNE_QUERY,
    WHAT_IF_QUERY,
    drift_query,
    tune_query,
    what_if_query,
)
from cloud.fleet.rollout.advance import RolloutStep
from cloud.fleet.rollout.changes import abort, pause, resume
from cloud.fleet.rollout.state import RolloutState
from cloud.fleet.storage import desired, devices, jobs, rollouts
from cloud.fleet.storage.audit import Who, records
from cloud.fleet.storage.database import Database
from cloud.fleet.wishes.merging import settings_of
from cloud.identity.identity import Role
from cloud.rollout.canary import Verdict
from protos.errors import RequestError, UnknownName

_MAX_LISTED = 10_000
_MAX_EXPIRY = 30 * 24 * 3600.0
_BUCKETS = 4  # a health window has, at least

T = TypeVar("T")


class Operation(NamedTuple):
    """One of the API. `body`: what is sent."""

    method: str
    path: str
    summary: str
    needs: Role
    call: Callable[["Endpoints", Request, Who], Any]
    body: type[Explained] | None = None
    query: Mapping[str, str] = {}  # what each parameter is


class Endpoints:
    """Blocking work is done in threads. Belongs to the event loop."""

    def __init__(self, database: Database, operators: Operators, bucket: float, tuner: Tuner) -> None:
        self._database, self._operators, self._bucket, self._tuner = database, operators, bucket, tuner

    def routes(self, operations: "tuple[Operation, ...]") -> list[Route]:
        return [Route(one.path, self._endpoint(one), methods=[one.method]) for one in operations]

    def _endpoint(self, operation: Operation) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            who = Who(await self._operators.name(request, operation.needs))
            try:
                found = await operation.call(self, request, who)
            except UnknownName as error:
                if set(request.path_params.values()) & {error.facts.get("name")}:
                    return JSONResponse({"error": {"message": str(error), "code": "not_found"}}, 404)
                raise
            return JSONResponse(found)

        return answer

    async def _read(self, work: Callable[[Any], T]) -> T:
        def run() -> T:
            with self._database.reading() as connection:
                return work(connection)

        return await anyio.to_thread.run_sync(run)

    async def list_devices(self, request: Request, _: Who) -> dict[str, Any]:
        selection = selection_of(request)
        return {"devices": await self._read(lambda c: devices.selected(c, selection))}

    async def show_device(self, request: Request, _: Who) -> dict[str, Any]:
        name = request.path_params["device"]
        return shown_device(await self._read(lambda c: devices.shown(c, name)))

    async def set_devices(self, request: Request, who: Who) -> dict[str, Any]:
        body = await body_of(request, SetBody)
        settings = settings_of(msgspec.json.encode(body.settings))
        names = await self._names(body)
        versions = await anyio.to_thread.run_sync(
            lambda: desired.change(
                self._database,
                names,
                settings,
                who._replace(why=body.why),
                clear=body.clear,
                expected=body.expected,
            )
        )
        return {"versions": versions}

    async def label_devices(self, request: Request, who: Who) -> dict[str, Any]:
        body = await body_of(request, LabelBody)
        names = await self._names(body)
        because = who._replace(why=body.why)
        await anyio.to_thread.run_sync(lambda: devices.label(self._database, names, body.labels, because))
        return {"devices": names}

    async def list_rollouts(self, request: Request, _: Who) -> dict[str, Any]:
        limit = count_of(request, "limit", 50, _MAX_LISTED)
        return {"rollouts": await self._read(lambda c: rollouts.listed_rollouts(c, limit))}

    async def start_rollout(self, request: Request, who: Who) -> dict[str, Any]:
        body = await body_of(request, RolloutBody)
        body.check_selection()
        asked = rollouts.PlanRequest(
            selection=body.selection, percentage=body.percentage, plan=self._plan(body.plan)
        )
        settings, because = settings_of(msgspec.json.encode(body.settings)), who._replace(why=body.why)
        name = await anyio.to_thread.run_sync(
            lambda: rollouts.start(self._database, asked, settings, because)
        )
        return await self._rollout(name)

    def _plan(self, plan: Mapping[str, Any]) -> dict[str, Any]:
        """Raises RequestError for a health window that holds too little telemetry."""
        least = _BUCKETS * self._bucket
        health = plan.get("health", max(3600.0, least))
        if not isinstance(health, int | float) or health < least:
            raise RequestError(
                f"health is {health!r} seconds, and telemetry is kept by {self._bucket:g} s; give {least:g} "
                "seconds or more"
            )
        return {**plan, "health": float(health)}

    async def show_rollout(self, request: Request, _: Who) -> dict[str, Any]:
        return await self._rollout(request.path_params["rollout"])

    async def pause_rollout(self, request: Request, who: Who) -> dict[str, Any]:
        body = await body_of(request, Explained)
        return await self._change(request, who._replace(why=body.why), lambda s: _held(pause(s), "paused"))

    async def resume_rollout(self, request: Request, who: Who) -> dict[str, Any]:
        body = await body_of(request, ResumeBody)
        return await self._change(
            request,
            who._replace(why=body.why),
            lambda s: _held(resume(s, unproven=body.unproven), "resumed"),
        )

    async def abort_rollout(self, request: Request, who: Who) -> dict[str, Any]:
        body = await body_of(request, Explained)
        return await self._change(request, who._replace(why=body.why), lambda s: abort(s, body.why))

    async def _change(
        self, request: Request, who: Who, change: Callable[[RolloutState], RolloutStep]
    ) -> dict[str, Any]:
        name = request.path_params["rollout"]
        await anyio.to_thread.run_sync(lambda: rollouts.change_rollout(self._database, name, change, who))
        return await self._rollout(name)

    async def _rollout(self, name: str) -> dict[str, Any]:
        return shown_rollout(await self._read(lambda c: rollouts.rollout_of(c, name)))

    async def list_jobs(self, request: Request, _: Who) -> dict[str, Any]:
        device, limit = request.query_params.get("device", ""), count_of(request, "limit", 50, _MAX_LISTED)
        found = await self._read(lambda c: jobs.listed(c, device, limit))
        return {"jobs": [shown_job(row) for row in found]}

    async def create_jobs(self, request: Request, who: Who) -> dict[str, Any]:
        body = await body_of(request, JobBody)
        if not 1 <= body.expires_seconds <= _MAX_EXPIRY:
            raise RequestError(f"expires_seconds is {body.expires_seconds:g}; give 1 to {_MAX_EXPIRY:g}")
        job, names = jobs.job_of(msgspec.json.encode(body.job)), await self._names(body)
        because = who._replace(why=body.why)
        made = await anyio.to_thread.run_sync(
            lambda: jobs.create(self._database, names, job, body.expires_seconds, because)
        )
        return {"jobs": made}

    async def show_job(self, request: Request, _: Who) -> dict[str, Any]:
        name = request.path_params["job"]
        return shown_job(await self._read(lambda c: jobs.of_id(c, name)))

    async def cancel_job(self, request: Request, who: Who) -> dict[str, Any]:
        body, name = await body_of(request, Explained), request.path_params["job"]
        because = who._replace(why=body.why)
        await anyio.to_thread.run_sync(lambda: jobs.cancel(self._database, name, because))
        return await self.show_job(request, who)

    async def show_audit(self, request: Request, _: Who) -> dict[str, Any]:
        thing, limit = request.query_params.get("object", ""), count_of(request, "limit", 100, _MAX_LISTED)
        return {"audit": await self._read(lambda c: records(c, thing, limit)), "now": time.time()}

    async def show_tune(self, request: Request, _: Who) -> dict[str, Any]:
        asked = tune_query(request.query_params)
        return await anyio.to_thread.run_sync(self._tuner.tune, asked)

    async def show_what_if(self, request: Request, _: Who) -> dict[str, Any]:
        asked = what_if_query(request.query_params)
        return await anyio.to_thread.run_sync(self._tuner.what_if, asked)

    async def show_drift(self, request: Request, _: Who) -> dict[str, Any]:
        asked = drift_query(request.query_params)
        return await anyio.to_thread.run_sync(self._tuner.drift, asked)

    async def _names(self, body: SelectedDevices) -> list[str]:
        """Raises RequestError for none."""
        body.check_selection()
        found = await self._read(lambda c: devices.selected(c, body.selection))
        if not found:
            raise RequestError("no device is like that; select others: isthmus fleet devices")
        return [row["name"] for row in found]


def _held(state: RolloutState, reason: str) -> RolloutStep:
    return RolloutStep(state, Verdict.HOLD, reason)


_API = "/api/v1"
OPERATIONS = (
    Operation("GET", f"{_API}/devices", "devices, selected", Role.VIEWER, Endpoints.list_devices),
    Operation("GET", f"{_API}/devices/{{device}}", "all of a device", Role.VIEWER, Endpoints.show_device),
    Operation("POST", f"{_API}/set", "change settings", Role.OPERATOR, Endpoints.set_devices, SetBody),
    Operation("POST", f"{_API}/labels", "label devices", Role.OPERATOR, Endpoints.label_devices, LabelBody),
    Operation("GET", f"{_API}/rollouts", "rollouts", Role.VIEWER, Endpoints.list_rollouts),
    Operation("POST", f"{_API}/rollouts", "start one", Role.ADMIN, Endpoints.start_rollout, RolloutBody),
    Operation("GET", f"{_API}/rollouts/{{rollout}}", "all of one", Role.VIEWER, Endpoints.show_rollout),
    Operation(
        "POST",
        f"{_API}/rollouts/{{rollout}}/pause",
        "pause",
        Role.OPERATOR,
        Endpoints.pause_rollout,
        Explained,
    ),
    Operation(
        "POST",
        f"{_API}/rollouts/{{rollout}}/resume",
        "go on",
        Role.ADMIN,
        Endpoints.resume_rollout,
        ResumeBody,
    ),
    Operation(
        "POST",
        f"{_API}/rollouts/{{rollout}}/abort",
        "restore all",
        Role.OPERATOR,
        Endpoints.abort_rollout,
        Explained,
    ),
    Operation("GET", f"{_API}/jobs", "jobs", Role.VIEWER, Endpoints.list_jobs),
    Operation("POST", f"{_API}/jobs", "give jobs", Role.OPERATOR, Endpoints.create_jobs, JobBody),
    Operation("GET", f"{_API}/jobs/{{job}}", "all of one", Role.VIEWER, Endpoints.show_job),
    Operation(
        "POST", f"{_API}/jobs/{{job}}/cancel", "cancel", Role.OPERATOR, Endpoints.cancel_job, Explained
    ),
    Operation(
        "GET",
        f"{_API}/tune",
        "for each class of devices and links what each way to answer would be, and which is best",
        Role.VIEWER,
        Endpoints.show_tune,
        query=TUNE_QUERY,
    ),
    Operation(
        "GET",
        f"{_API}/what-if",
        "what would have been with other settings, another bundle or price, beside what was",
        Role.VIEWER,
        Endpoints.show_what_if,
        query=WHAT_IF_QUERY,
    ),
    Operation(
        "GET",
        f"{_API}/drift",
        "devices that no longer fit their profile, and the likely cause",
        Role.VIEWER,
        Endpoints.show_drift,
        query=DRIFT_QUERY,
    ),
    Operation("GET", f"{_API}/audit", "who changed what, when, why", Role.VIEWER, Endpoints.show_audit),
)
