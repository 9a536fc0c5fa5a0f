"""How an operator wants the device to be, and how it is. Written before it is acted on.

Three layers: `agent.toml`, the wish that has proved to be possible, and one that is being tried. A wish that
names a bundle is in force together with that bundle only: until it is open, the layer below is.
"""

import logging

import anyio.to_thread
import msgspec
from google.protobuf.message import DecodeError

from edge.agent.config.settings import AgentSettings
from edge.agent.fleet.consider import DeviceNow, Given, Reason, consider, refusal
from edge.agent.fleet.database import FleetDatabase
from edge.agent.fleet.overlay import ImpossibleWish, overlaid, update_of
from edge.agent.fleet.possible import check_possible
from edge.agent.fleet.reported import told_settings
from protos import fleet_pb2 as pb
from protos.bundle import Bundle

_KEPT = "shadow"
_MAX_STARTS = 3  # of the process with one wish that has not proved to be possible
_log = logging.getLogger(__name__)


class ShadowState(msgspec.Struct, frozen=True):
    """As it is kept. Wishes are messages in protobuf's own encoding, nothing where there is none."""

    version: int = 0  # the greatest that was given
    text: str = ""
    settled: bytes = b""  # pb.Desired
    trying: bytes = b""
    starts: int = 0
    refused: bytes = b""  # pb.Refusal


class Shadow:
    """Outlives a reload of the settings. For the event loop's thread."""

    def __init__(self, database: FleetDatabase, own: str) -> None:
        """`own`: the digest of the file's own bundle. Raises RequestError where the disk fails."""
        self._database, self._own = database, own
        self._state = _read(database.read(_KEPT))
        self._conflict: pb.Refusal | None = None
        self._in_force: tuple[AgentSettings, str, int] | None = None
        if self._state.trying:
            self._begin_again()

    def wanted(self, base: AgentSettings, own: str) -> AgentSettings:
        """What is to hold, with what fetches the bundle that is wished for."""
        self._own = own
        wish = self._wishes(base)[-1].settings
        found = overlaid(base, wish)
        if not wish.HasField("bundle"):
            return found
        return msgspec.structs.replace(found, update=update_of(base, wish.bundle, own))

    def in_force(self, base: AgentSettings, bundle: Bundle) -> AgentSettings:
        """What holds while a bundle is open."""
        wishes = self._wishes(base, bundle)
        found = [one for one in wishes if one.settings.bundle.digest in ("", bundle.digest)][-1]
        settings = overlaid(base, found.settings)
        self._in_force = settings, bundle.digest, found.version
        return settings

    def check(self, base: AgentSettings, bundle: Bundle) -> None:
        """Whether the wish that comes with a bundle goes with it. Raises ImpossibleWish."""
        wish = self._wishes(base)[-1].settings
        if wish.bundle.digest == bundle.digest:
            check_possible(base, overlaid(base, wish), wish, bundle)

    async def take(self, data: bytes, device: DeviceNow) -> bool:
        """A message of `shadow/desired`; whether other settings are to be taken. Raises RequestError where it
        cannot be written: nothing has changed then.
        """
        found = consider(data, Given(self._state.version, self._state.text), device)
        if found.again:
            await self._forget_stale()
            return False
        if found.refused:
            _log.warning("fleet: version %d is refused: %s", found.refused.version, found.refused.text)
            await self._write(
                version=found.given.version, text=found.given.text, refused=_bytes(found.refused)
            )
            return False
        _log.info("fleet: version %d is taken", found.desired.version)
        await self._write(
            version=found.given.version,
            text=found.given.text,
            trying=_bytes(found.desired),
            starts=0,
            refused=b"",
        )
        return True

    @property
    def conflict(self) -> pb.Refusal | None:
        """Of a wish that was taken, and does not go with the file as it has become since."""
        return self._conflict

    @property
    def trying(self) -> pb.Desired | None:
        """What has not proved to be possible."""
        return pb.Desired.FromString(self._state.trying) if self._state.trying else None

    async def settle(self) -> None:
        """What was tried is in force, and stays."""
        await self._write(settled=self._state.trying, trying=b"", starts=0)

    async def fail(self, words: str) -> None:
        """What was tried cannot be: what was before stays."""
        assert self.trying
        version = self.trying.version
        _log.error("fleet: version %d is taken back: %s", version, words)
        await self._write(trying=b"", starts=0, refused=_bytes(refusal(version, Reason.FAILED, "", words)))

    def leave(self) -> None:
        """The process ends in order, and not of what is tried."""
        if self._state.starts:
            self._keep(starts=0)

    def reported(self, session: int) -> pb.Reported:
        """The message of `shadow/reported`, without when it is told."""
        told = pb.Reported(
            session=session, highest_version=self._state.version, taking_over=bool(self._state.trying)
        )
        if self._in_force:
            settings, bundle, told.version = self._in_force
            told.settings.CopyFrom(told_settings(settings, bundle))
        if self._conflict:
            told.refused.CopyFrom(self._conflict)
        elif self._state.refused:
            told.refused.ParseFromString(self._state.refused)
        return told

    @property
    def version(self) -> int:
        """Of the wish in force; 0: the file alone."""
        return self._in_force[2] if self._in_force else 0

    def _wishes(self, base: AgentSettings, bundle: Bundle | None = None) -> list[pb.Desired]:
        """The layers that go with the file as it is now, and an open bundle; the first wishes nothing."""
        before, self._conflict, found = self._conflict, None, [pb.Desired()]
        for kept in (self._state.settled, self._state.trying):
            if not kept:
                continue
            wish = pb.Desired.FromString(kept)
            try:
                self._check(base, wish.settings, bundle)
            except ImpossibleWish as error:
                self._conflict = refusal(wish.version, Reason.IMPOSSIBLE, error.field, str(error))
            else:
                found.append(wish)
        if (told := self._conflict) and told != before:
            _log.error("fleet: version %d does not go with agent.toml any more: %s", told.version, told.text)
        return found

    def _check(self, base: AgentSettings, wish: pb.FleetSettings, bundle: Bundle | None) -> None:
        settings = overlaid(base, wish)
        if wish.HasField("bundle"):
            update_of(base, wish.bundle, self._own)
        if bundle and wish.bundle.digest in ("", bundle.digest):
            check_possible(base, settings, wish, bundle)

    def _begin_again(self) -> None:
        """The process ended while a wish was tried: perhaps of it."""
        if self._state.starts < _MAX_STARTS:
            self._keep(starts=self._state.starts + 1)
            return
        version = pb.Desired.FromString(self._state.trying).version
        words = f"the agent ended {_MAX_STARTS} times while it was tried"
        _log.error("fleet: version %d is taken back: %s", version, words)
        self._keep(trying=b"", starts=0, refused=_bytes(refusal(version, Reason.FAILED, "", words)))

    async def _forget_stale(self) -> None:
        """The operators' last wish is told again: that others were refused meanwhile is of no interest."""
        told = pb.Refusal.FromString(self._state.refused)
        if self._state.refused and told.version != self._state.version:
            await self._write(refused=b"")

    async def _write(self, **changes: object) -> None:
        await anyio.to_thread.run_sync(lambda: self._keep(**changes))

    def _keep(self, **changes: object) -> None:
        state = msgspec.structs.replace(self._state, **changes)
        self._database.write(_KEPT, msgspec.msgpack.encode(state))
        self._state = state


def _read(data: bytes) -> ShadowState:
    if not data:
        return ShadowState()
    try:
        state = msgspec.msgpack.decode(data, type=ShadowState)
        for kept in (state.settled, state.trying):
            pb.Desired.FromString(kept)
        pb.Refusal.FromString(state.refused)
    except (msgspec.DecodeError, DecodeError) as error:
        _log.error("fleet: what was kept of its settings is damaged (%s): agent.toml alone holds", error)
        return ShadowState()
    return state


def _bytes(message: pb.Desired | pb.Refusal) -> bytes:
    return message.SerializeToString()
