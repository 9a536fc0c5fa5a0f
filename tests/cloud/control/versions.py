"""Versions of a bundle, and the operator of a service that serves them."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from cloud.models.tail import Tail
from protos import admin_pb2 as ap
from protos import inference_pb2 as ip
from protos.admin_pb2_grpc import AdminStub
from protos.bundle import MANIFEST, Bundle, write_manifest
from tests.cloud.calling import Caller, calling


@dataclass
class Operated:
    """A service, a client of it, and its operator."""

    caller: Caller
    admin: Any

    async def load(self, name: str) -> ap.Model:
        model: ap.Model = await self.admin.Load(ap.LoadRequest(name=name))
        return model

    async def unload(self, digest: str, drain: float = 0.0) -> ap.UnloadReply:
        asked = ap.UnloadRequest(digest=digest, drain_milliseconds=round(drain * 1000))
        reply: ap.UnloadReply = await self.admin.Unload(asked)
        return reply

    async def refusal(self, name: str) -> str:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self.load(name)
        return refused.value.details() or ""

    async def served(self) -> list[str]:
        described = await self.caller.stub.Describe(ip.DescribeRequest())
        return [one.digest for one in described.bundles]

    async def recommended(self) -> list[str]:
        described = await self.caller.stub.Describe(ip.DescribeRequest())
        return [one.digest for one in described.bundles if one.recommended]

    async def set_traffic(self, **fields: Any) -> ap.Traffic:
        traffic: ap.Traffic = await self.admin.SetTraffic(ap.SetTrafficRequest(**fields))
        return traffic

    async def traffic(self) -> ap.Traffic:
        traffic: ap.Traffic = await self.admin.GetTraffic(ap.GetTrafficRequest())
        return traffic


@asynccontextmanager
async def operated(*tails: Tail, **settings: Any) -> AsyncIterator[Operated]:
    async with calling(*tails, **settings) as caller:
        yield Operated(caller, AdminStub(caller.channel))


def another_version(path: Path, copy: Path, picture_bytes: int = -1) -> str:
    """Copy a bundle; so many more or fewer bytes are a picture's limit. The copy's digest."""
    shutil.copytree(path, copy, ignore=shutil.ignore_patterns(MANIFEST), copy_function=os.link)
    manifest = Bundle.open(path).manifest
    manifest.limits.max_picture_bytes += picture_bytes
    return write_manifest(copy, manifest)
