"""The nginx of docs/tls.md, in front of the real service: TLS, a token, long streams."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

import isthmus
from bench.rig.cloud_process import CloudProcess
from bench.rig.ports import free_port
from edge.link.client import CloudClient
from protos import inference_pb2 as pb
from protos.bundle import Bundle
from protos.connection.peer import Credentials, Peer
from protos.errors import CloudError, UnusableCloud
from splitter.nano.scenes import picture
from tests.certificates import Authority, openssl_only
from tests.cloud.calling import picture_request
from tests.house import ROOT

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
pytestmark = [
    pytest.mark.slow,
    openssl_only,
    pytest.mark.skipif(not shutil.which(NGINX), reason="no nginx here (Debian: nginx-light)"),
]
TOKEN = "5a" * 40
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass(frozen=True)
class Proxied:
    """The real service behind nginx."""

    cloud: CloudProcess
    address: str
    credentials: Credentials

    @property
    def peer(self) -> Peer:
        return Peer.parse(self.address, self.credentials)

    @property
    def options(self) -> list[str]:
        return ["--ca", str(self.credentials.ca), "--token-file", str(self.credentials.token_file)]


@pytest.fixture(scope="module")
def proxied(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("nginx")
    authority, token = Authority(folder), folder / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    with CloudProcess(bundle_path) as cloud, nginx(folder, authority, cloud.address) as address:
        yield Proxied(cloud, address, Credentials(ca=authority.ca.path, token_file=token))


@contextmanager
def nginx(folder: Path, authority: Authority, upstream: str) -> Iterator[str]:
    """The example with places of this machine, in as little of nginx as it needs."""
    (example,) = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs" / "tls.md").read_text(), re.DOTALL)
    (folder / "tokens").write_text(f'"Bearer {TOKEN}" camera-7;\n')
    served, port = authority.sign("cloud"), free_port()
    for written, here in (
        ("/etc/nginx/isthmus-tokens", folder / "tokens"),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/ssl/cloud.example.pem", served.path),
        ("/etc/ssl/private/cloud.example.key", served.key),
        ("127.0.0.1:7070", upstream),
    ):
        assert written in example
        example = example.replace(written, str(here))
    temporary = "".join(f"{kind}_temp_path {folder / kind};\n" for kind in _TEMPORARY)
    user = "user root;" if os.getuid() == 0 else ""
    file = folder / "nginx.conf"
    file.write_text(
        f"{user} daemon off; pid {folder / 'pid'}; error_log stderr; events {{}}\n"
        f"http {{ access_log off;\n{temporary}{example}}}\n"
    )
    with subprocess.Popen([NGINX, "-p", folder, "-c", file, "-e", "stderr"]) as process:
        try:
            until_listening(port, process)
            yield f"https://localhost:{port}"
        finally:
            process.terminate()


def until_listening(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


def test_the_status_comes_through(
    proxied: Proxied, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isthmus.main(["cloud", "status", proxied.address, *proxied.options, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["address"] == proxied.address
    assert [served["digest"] for served in told["bundles"]] == [bundle.digest]


@pytest.mark.parametrize("route", ["upload", "split@connector/int8-zstd"])
def test_a_question_is_answered_through_it(
    route: str, proxied: Proxied, bundle_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = tmp_path / "scene.png"
    Image.fromarray(picture(77).image).save(scene)
    asking = ["ask", str(scene), "what is the background?", "--bundle", str(bundle_path), "--json"]
    assert isthmus.main([*asking]) == 0
    here = json.loads(capsys.readouterr().out)
    there = ["--cloud", proxied.address, *proxied.options, "--route", route, "--no-local"]
    assert isthmus.main([*asking, *there]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["route"].startswith(route)
    assert told["text"] == here["text"]


def test_a_stream_may_carry_more_than_one_request_may(proxied: Proxied, bundle: Bundle) -> None:
    """nginx counts a stream as one body, of a megabyte at most unless it is told otherwise."""
    large = picture_request(bundle, picture(77).image, "what is the background?")
    large.picture.data += bytes(200_000)
    requests = [pb.InferRequest(id=str(number)) for number in range(10)]
    for request in requests:
        request.MergeFrom(large)
    assert sum(request.ByteSize() for request in requests) > 2e6
    with CloudClient(proxied.peer) as client:
        answered = {reply.id for reply in client.converse(iter(requests), 120) if not reply.text}
    assert answered == {str(number) for number in range(10)}


def test_nobody_comes_in_without_a_token(proxied: Proxied, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("sesame")
    wrong.chmod(0o600)
    for token, told in (
        (None, "lets nobody in without a token.*--token-file FILE"),
        (wrong, "refuses the token in"),
    ):
        peer = Peer.parse(proxied.address, Credentials(ca=proxied.credentials.ca, token_file=token))
        with CloudClient(peer) as client, pytest.raises(UnusableCloud, match=told):
            client.describe(20)


def test_it_is_told_when_nobody_is_behind_it(proxied: Proxied) -> None:
    proxied.cloud.kill()
    with (
        CloudClient(proxied.peer) as client,
        pytest.raises(CloudError, match="a proxy answers, and nobody behind it"),
    ):
        client.describe(20)
