"""How a call or a request ended, by the name of its gRPC status."""

import asyncio

from protos.errors import Cancelled, IsthmusError

OK, _BUG = "OK", "INTERNAL"


def status_name(error: BaseException) -> str:
    """The name of a status for what was raised; that of INTERNAL for what is a bug."""
    found = first_of(error)
    if isinstance(found, asyncio.CancelledError):
        return Cancelled.status
    return found.status if isinstance(found, IsthmusError) else _BUG


def first_of(error: BaseException) -> BaseException:
    """The first error of a group that tasks failed with; any other itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
