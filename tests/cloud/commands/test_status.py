"""The command against real servers on free ports."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

import isthmus
from edge.testing.scripted_cloud import says, serving
from protos import inference_pb2 as pb
from protos.bundle import Bundle

SERVED = pb.DescribeReply(
    version="1.2",
    device="cpu",
    dtype="bfloat16",
    bundles=[pb.Served(digest="3fa9" * 16, model="nano", cuts=["vision.2", "connector"])],
    load=pb.Load(waiting=1, running=2, queue_milliseconds=3.5),
)


@pytest.fixture
def address() -> Iterator[str]:
    with serving(says("a")) as cloud:
        cloud.description = SERVED
        yield cloud.address


def status(*words: str) -> int:
    return isthmus.main(["cloud", "status", *words])


def test_it_says_what_is_served_and_the_load(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(address) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{address} answers in ")
    assert "Isthmus 1.2" in out
    assert "2 running, 1 waiting, recent queue time 3.5 ms" in out
    assert "3fa93fa93fa9" in out
    assert "vision.2, connector" in out


def test_the_same_as_json(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(address, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["address"] == address
    assert told["milliseconds"] > 0
    assert told["bundles"] == [
        {"digest": "3fa9" * 16, "model": "nano", "cuts": ["vision.2", "connector"], "recommended": False}
    ]
    assert told["load"] == {"waiting": 1, "running": 2, "queue_milliseconds": 3.5}


def test_a_bundle_that_is_not_served_is_told_with_those_that_are(
    address: str, bundle: Bundle, bundle_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(address, "--bundle", str(bundle_path)) == 4
    err = capsys.readouterr().err
    assert "serves 3fa93fa93fa9, and not" in err
    assert bundle.digest[:12] in err


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but it does not listen
        port = taken.getsockname()[1]
        assert status(f"127.0.0.1:{port}") == 5
    assert f"the cloud at 127.0.0.1:{port} did not answer: nobody listens there" in capsys.readouterr().err


def test_silence_ends_at_the_limit_of_time(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert status(f"127.0.0.1:{silent.getsockname()[1]}", "--timeout", "300ms") == 5
    assert "did not answer in time" in capsys.readouterr().err


def test_another_grpc_service_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    assert status(f"127.0.0.1:{port}") == 5
    server.stop(0).wait()
    assert "no service of Isthmus" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["7070", "http://127.0.0.1", "dns:///127.0.0.1:7070"])
def test_what_is_no_address_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(text) == 3
    assert "write HOST:PORT" in capsys.readouterr().err
