"""Devices with identities and the real service: what each may find again, and how each gets in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from cloud.config import AccessConfig
from cloud.identity.identity import Identity, Role
from cloud.identity.token_list import new_token
from cloud.models.tail import Tail
from protos import inference_pb2 as ip
from protos.inference_pb2_grpc import InferenceStub
from protos.pictures.frames import frame_digest
from tests.cloud.calling import Caller, Head, Pixels, calling, connected, picture_request
from tests.cloud.guarded import bearing

QUESTION = "what is the background?"
