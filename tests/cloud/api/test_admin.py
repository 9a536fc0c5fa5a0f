"""Who may change a running service."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from cloud.config import AccessConfig
from cloud.models.tail import Tail
from protos import admin_pb2 as ap
from protos.admin_pb2_grpc import AdminStub
from tests.cloud.calling import calling
from tests.cloud.guarded import bearing
from tests.cloud.identity.provider import AUDIENCE, ISSUER, Signer, key_file


async def code_of(call: Any) -> grpc.StatusCode:
    """The status of a call, which needs no bundle to be refused for its caller."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def test_operators_look_and_admins_change(tail: Tail, tmp_path: Path) -> None:
    signer = Signer("key")
    keys = str(key_file(tmp_path / "keys.json", signer))
    access = AccessConfig(jwks=keys, audience=AUDIENCE, issuer=ISSUER)
    found: dict[str | None, list[str]] = {}
    async with calling(tail, access=access) as caller:
        admin = AdminStub(caller.channel)
        for role in (None, "device", "operator", "admin"):
            metadata = bearing(role and signer.token(sub="anna", role=role))
            calls = [
                admin.Models(ap.ModelsRequest(), metadata=metadata),
                admin.Load(ap.LoadRequest(name="none"), metadata=metadata),
                admin.Unload(ap.UnloadRequest(digest="none"), metadata=metadata),
            ]
            found[role] = [(await code_of(call)).name for call in calls]
    assert found == {
        None: ["UNAUTHENTICATED"] * 3,
        "device": ["PERMISSION_DENIED"] * 3,
        "operator": ["OK", "PERMISSION_DENIED", "PERMISSION_DENIED"],
        "admin": ["OK", "INVALID_ARGUMENT", "INVALID_ARGUMENT"],
    }


async def test_behind_a_proxy_that_knows_callers_for_it_nobody_changes_it(tail: Tail) -> None:
    async with calling(tail, access=AccessConfig(behind_proxy=True)) as caller:
        with pytest.raises(grpc.aio.AioRpcError, match="knows nobody") as refused:
            await AdminStub(caller.channel).Models(ap.ModelsRequest())
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
