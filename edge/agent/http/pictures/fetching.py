"""Pictures fetched from hosts that the operator has listed, within bounds of size and time.

Nothing redirects to another place, and a listed name that resolves to this machine itself or to its link is
refused: the address that was checked is the one that is connected to.
"""

import socket
from collections.abc import Collection
from ipaddress import ip_address

import anyio
import httpx

from protos.connection.address import is_address
from protos.errors import PictureError
from protos.http.refusals import FORBIDDEN, LATE, TOO_LARGE, UNSUPPORTED, Refused


class Fetcher:
    """Fetches at most `max_bytes` within `seconds`; from no host that is not listed."""

    def __init__(self, hosts: Collection[str], max_bytes: int, seconds: float) -> None:
        self._hosts, self._max_bytes, self._seconds = {host.lower() for host in hosts}, max_bytes, seconds

    async def fetch(self, address: str) -> bytes:
        """The bytes at an address. Raises Refused, PictureError."""
        url = self._checked(address)
        try:
            with anyio.fail_after(self._seconds):
                return await self._get(url, await _resolved(url))
        except (TimeoutError, httpx.TimeoutException):  # httpx has a clock too, and may be the first
            raise Refused(
                LATE, f"{url.host} gave no picture in {self._seconds:.0f} s; send it as a data URL"
            ) from None
        except (httpx.HTTPError, OSError, httpx.InvalidURL) as error:
            raise PictureError(
                f"{url.host} gave no picture ({type(error).__name__}); send it as a data URL"
            ) from error

    def _checked(self, address: str) -> httpx.URL:
        if not self._hosts:
            raise Refused(
                UNSUPPORTED,
                "this device fetches no pictures; send it as a data URL, or list its host in http.allow-http",
            )
        try:
            url = httpx.URL(address)
        except (httpx.InvalidURL, ValueError) as error:
            raise PictureError("the picture's address is none; write https://HOST/PATH") from error
        if url.host.lower() not in self._hosts:
            raise Refused(FORBIDDEN, f"{url.host[:64]!r} is not listed in http.allow-http")
        return url

    async def _get(self, url: httpx.URL, where: str) -> bytes:
        named = {"host": url.netloc.decode("ascii")}
        extensions = {"sni_hostname": url.host}
        async with (
            httpx.AsyncClient(trust_env=False, timeout=self._seconds) as client,
            client.stream("GET", url.copy_with(host=where), headers=named, extensions=extensions) as answer,
        ):
            if answer.status_code != 200:
                raise PictureError(
                    f"{url.host} answered {answer.status_code}; give an address that it answers"
                )
            data = bytearray()
            async for chunk in answer.aiter_bytes():
                data += chunk
                if len(data) > self._max_bytes:
                    words = f"the picture has more than {self._max_bytes} bytes; make it smaller"
                    raise Refused(TOO_LARGE, words)
            return bytes(data)


async def _resolved(url: httpx.URL) -> str:
    """An address of the host that may be connected to: one that is listed as an address always may."""
    if is_address(url.host) or url.host == "localhost":
        return url.host
    found = await anyio.getaddrinfo(url.host, url.port or url.scheme, type=socket.SOCK_STREAM)
    usable = [str(at[0]) for *_, at in found if not _is_own(str(at[0]))]
    if not usable:
        raise Refused(FORBIDDEN, f"{url.host} is this device itself; list the address in http.allow-http")
    return usable[0]


def _is_own(address: str) -> bool:
    """Whether this machine, or what is only on its link, has the address."""
    found = ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or found
    return bool(mapped.is_loopback or mapped.is_link_local or mapped.is_unspecified or mapped.is_multicast)
