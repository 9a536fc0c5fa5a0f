"""The service's log: a line an event, for people or for programs, each with the request and the trace that it
is of. It holds no question, no picture and no answer.
"""

import logging

import structlog
from structlog.contextvars import merge_contextvars
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level
from structlog.typing import EventDict, Processor, WrappedLogger

from cloud.config import JSON
from cloud.telemetry.log_limit import LogLimit

_SHOWN = ("request_id", "trace_id")  # of what is known beside a line's words


def log_to_stderr(form: str, *, verbose: bool) -> None:
    """Write the log of this process to standard error, within LogLimit. `verbose`: a line a request too."""
    handler = logging.StreamHandler()
    handler.addFilter(LogLimit())
    handler.setFormatter(formatter(form))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler])


def formatter(form: str) -> logging.Formatter:
    """Lines of a form of LOG_FORMS, from whatever is logged, also by libraries."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=form == JSON)
    told: list[Processor] = [ExtraAdder(), merge_contextvars, add_log_level, stamp]
    tail: list[Processor] = [ProcessorFormatter.remove_processors_meta]
    if form == JSON:
        tail += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        tail += [structlog.processors.format_exc_info, _as_text]
    return ProcessorFormatter(processors=tail, foreign_pre_chain=told)


def _as_text(_: WrappedLogger, __: str, told: EventDict) -> str:
    """Time, level and words, then what they are of."""
    more = "".join(f" {name}={told[name]!r}" for name in _SHOWN if name in told)
    traceback = f"\n{told['exception']}" if "exception" in told else ""
    return f"{told['timestamp']} {str(told['level']).upper()} {told['event']}{more}{traceback}"
