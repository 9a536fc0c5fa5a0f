"""A real gRPC server on a free port that plays a script: replies, delays, refusals, silence, death in
mid-answer.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc

from protos import inference_pb2 as pb
from protos.connection.keepalive import server_options
from protos.inference_pb2_grpc import InferenceServicer, add_InferenceServicer_to_server

Context = grpc.ServicerContext
Script = Callable[[pb.InferRequest, Context], Iterator[pb.InferReply]]
WatchScript = Callable[[pb.WatchRequest, Context], Iterator[pb.WatchReply]]


class ScriptedCloud(InferenceServicer):  # type: ignore[misc] # generated without types
    """Plays `script` for every request; `requests` keeps what came, `description` is what Describe gives.
    With a `watch_script` for every frame, which is numbered, it takes streams; `closings` counts those that
    ended.
    """

    def __init__(self, script: Script) -> None:
        self.script, self.address = script, ""
        self.requests: list[pb.InferRequest] = []
        self.watch_script: WatchScript | None = None
        self.openings: list[pb.WatchOpening] = []
        self.frames: list[pb.WatchRequest] = []
        self.closings = 0
        self.description = pb.DescribeReply(version="scripted")

    def Infer(self, request: pb.InferRequest, context: Context) -> Iterator[pb.InferReply]:  # noqa: N802
        self.requests.append(request)
        yield from self.script(request, context)

    def Converse(self, requests: Iterator[pb.InferRequest], context: Context) -> Iterator[pb.InferReply]:  # noqa: N802
        for request in requests:
            yield from self.Infer(request, context)

    def Watch(self, frames: Iterator[pb.WatchRequest], context: Context) -> Iterator[pb.WatchReply]:  # noqa: N802
        if self.watch_script is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not implemented!")
        try:
            self.openings.append(next(frames).opening)
            for number, frame in enumerate(frames, 1):
                frame.sequence = frame.sequence or number
                self.frames.append(frame)
                yield from self.watch_script(frame, context)
        finally:
            self.closings += 1

    def Describe(self, request: pb.DescribeRequest, context: Context) -> pb.DescribeReply:  # noqa: ARG002, N802
        return self.description


@contextmanager
def serving(
    script: Script, address: str = "127.0.0.1:0", credentials: grpc.ServerCredentials | None = None
) -> Iterator[ScriptedCloud]:
    """A scripted cloud that listens, with TLS if it is given credentials; its `address` says where."""
    cloud = ScriptedCloud(script)
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool, options=server_options())
        add_InferenceServicer_to_server(cloud, server)
        if credentials:
            cloud.address = f"https://localhost:{server.add_secure_port(address, credentials)}"
        else:
            cloud.address = f"127.0.0.1:{server.add_insecure_port(address)}"
        server.start()
        try:
            yield cloud
        finally:
            server.stop(0).wait()


def says(*words: str, frame: str = "", times: Mapping[str, float] | None = None) -> Script:
    """Answers with these words at once; `frame` in hexadecimal."""

    def script(request: pb.InferRequest, _: Context) -> Iterator[pb.InferReply]:
        for word in words:
            yield pb.InferReply(id=request.id, text=word)
        stages = pb.Stages(**(times or {}))
        yield pb.InferReply(
            id=request.id,
            done=pb.Done(reason=pb.Done.STOP, tokens=len(words), frame=bytes.fromhex(frame), stages=stages),
        )

    return script


def refuses(code: grpc.StatusCode, text: str, *before: str) -> Script:
    """Says some words, then fails."""

    def script(request: pb.InferRequest, context: Context) -> Iterator[pb.InferReply]:
        for word in before:
            yield pb.InferReply(id=request.id, text=word)
        context.abort(code, text)

    return script


def falls_silent(*before: str) -> Script:
    """Says some words, then nothing until the caller has gone."""

    def script(request: pb.InferRequest, context: Context) -> Iterator[pb.InferReply]:
        for word in before:
            yield pb.InferReply(id=request.id, text=word)
        while context.is_active():
            time.sleep(0.01)

    return script


def breaks_off(*before: str) -> Script:
    """Says some words and ends without an end."""

    def script(request: pb.InferRequest, _: Context) -> Iterator[pb.InferReply]:
        for word in before:
            yield pb.InferReply(id=request.id, text=word)

    return script
