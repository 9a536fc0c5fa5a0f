"""Who is let in, and for how much at once."""

from typing import NamedTuple

from cloud.api.access import Access
from cloud.api.call import Calls
from cloud.api.places import Places
from cloud.api.request_bytes import RequestBytes
from cloud.config import RateLimits, ServeConfig
from cloud.identity.authentication import Authentication
from cloud.models.served_models import ServedModels
from cloud.sharing.rates import Rates

_STREAM_SHARES = 8  # of the cameras' streams one connection may have one share
_SMALL_CALLS, _SMALL_CALLS_OF_ONE, _SMALL_FIELDS = 64, 16, 16  # the last of a request


class Callers(NamedTuple):
    """Places and bytes for three kinds of calls, by the same access."""

    access: Access
    calls: Calls
    streams: Calls  # of cameras
    small: Calls  # health, reflection, admin


async def open_callers(models: ServedModels, config: ServeConfig, largest: int) -> Callers:
    """For requests of at most `largest` bytes. Raises RequestError for files or a URL that are not what they
    should be.
    """
    access = await _access(config)
    places = Places(config.max_calls, config.max_calls // 2)
    request_bytes = RequestBytes(config.max_arriving_bytes, largest, places)
    calls = Calls(access, places, request_bytes, Rates(config.rates), lambda: models.max_request_fields)
    stream_places = Places(config.max_streams, max(1, config.max_streams // _STREAM_SHARES))
    streams = calls.beside(stream_places, RequestBytes(config.max_stream_bytes, largest, stream_places))
    small_places = Places(_SMALL_CALLS, _SMALL_CALLS_OF_ONE)
    small_bytes = RequestBytes(0, largest, small_places)
    small = Calls(access, small_places, small_bytes, Rates(RateLimits()), lambda: _SMALL_FIELDS)
    return Callers(access, calls, streams, small)


async def _access(config: ServeConfig) -> Access:
    if not config.access.identified:
        return Access(None)
    authentication = Authentication(config.access)
    await authentication.start()
    return Access(authentication)
