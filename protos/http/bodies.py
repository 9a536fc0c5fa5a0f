"""Bodies of requests, read within a bound."""

from starlette.requests import Request

from protos.http.refusals import TOO_LARGE, Refused


async def bounded_body(request: Request, max_bytes: int, what: str) -> bytes:
    """The body, which messages call `what`. Raises Refused for more bytes, once that many came."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > max_bytes:
            raise Refused(TOO_LARGE, f"the {what} has more than {max_bytes} bytes; send less")
    return bytes(data)
