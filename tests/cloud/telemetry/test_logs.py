"""Lines of the log, for people and for programs."""

import asyncio
import json
import logging
from io import StringIO

from structlog.contextvars import bind_contextvars

from cloud.telemetry.log_limit import LogLimit
from cloud.telemetry.logs import formatter


async def logged(form: str, lines: int = 1) -> list[str]:
    """What is written of a request's line, in the task of a request."""
    written, log = StringIO(), logging.getLogger(f"tests.{form}")
    handler = logging.StreamHandler(written)
    handler.addFilter(LogLimit(lines=2))
    handler.setFormatter(formatter(form))
    log.addHandler(handler)
    log.propagate = False

    async def serve() -> None:
        bind_contextvars(request_id="camera-1\n", trace_id="4bf9")
        for _ in range(lines):
            log.warning("refused %s", "a caller", extra={"error": "PromptError"})

    await asyncio.create_task(serve())
    log.removeHandler(handler)
    return written.getvalue().splitlines()


async def test_a_line_for_programs_is_an_object_with_all_that_is_known() -> None:
    (line,) = await logged("json")
    told = json.loads(line)
    assert told.pop("timestamp").endswith("Z")
    assert told == {
        "event": "refused a caller",
        "level": "warning",
        "request_id": "camera-1\n",
        "trace_id": "4bf9",
        "error": "PromptError",
    }


async def test_a_line_for_people_stays_one_line() -> None:
    (line,) = await logged("text")
    assert line.endswith(r" WARNING refused a caller request_id='camera-1\n' trace_id='4bf9'")


async def test_lines_are_limited_in_either_form() -> None:
    assert len(await logged("json", lines=50)) == 2


async def test_an_error_brings_its_traceback() -> None:
    record = logging.LogRecord("", logging.ERROR, "", 0, "a batch failed", None, None)
    try:
        raise ZeroDivisionError
    except ZeroDivisionError as error:
        record.exc_info = type(error), error, error.__traceback__
    assert "ZeroDivisionError" in json.loads(formatter("json").format(record))["exception"]
    assert formatter("text").format(record).splitlines()[-1] == "ZeroDivisionError"
