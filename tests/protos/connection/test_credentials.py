import logging
import subprocess
from pathlib import Path

import pytest

from protos.connection.credentials import read_tls_files, read_token, warn_if_public
from protos.connection.peer import Credentials
from protos.errors import RequestError
from tests.certificates import Authority, openssl_only


def test_a_token_is_the_word_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("  sesame\n")
    assert read_token(file) == "sesame"


@pytest.mark.parametrize(
    "held", [b"", b" \n", b"open\nsesame", b"open sesame", "sésame".encode(), b"sesame\x00", b"s" * 10_000]
)
def test_what_is_no_token_is_refused_and_not_shown(held: bytes, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(held)
    with pytest.raises(RequestError, match=str(file)) as caught:
        read_token(file)
    assert "same" not in str(caught.value) + str(caught.value.facts)


def test_a_token_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="token cannot be read"):
        read_token(tmp_path / "token")


@pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o640, 0), (0o644, 1)])
def test_a_token_that_everybody_can_read_is_a_warning(
    mode: int, warnings: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "token"
    file.write_text("sesame")
    file.chmod(mode)
    with caplog.at_level(logging.WARNING):
        warn_if_public(file)
    assert len(caplog.records) == warnings
    assert "sesame" not in caplog.text


@pytest.mark.parametrize(
    "held", [b"", b"hello", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_an_authority_that_is_none_is_refused(held: bytes, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(held)
    with pytest.raises(RequestError, match="holds no certificate in PEM"):
        read_tls_files(Credentials(ca=file))


@openssl_only
def test_files_that_fit_are_given_as_they_are(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    device = authority.sign("device")
    files = read_tls_files(Credentials(authority.ca.path, device.path, device.key))
    assert files == (authority.ca.path.read_bytes(), device.key.read_bytes(), device.path.read_bytes())
    assert read_tls_files(Credentials()) == (None, None, None)


@openssl_only
def test_a_key_that_is_anothers_or_locked_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    device, other, locked = authority.sign("device"), authority.sign("other"), tmp_path / "locked.key"
    lock = ["openssl", "ec", "-in", str(device.key), "-aes256", "-passout", "pass:x", "-out", str(locked)]
    subprocess.run(lock, check=True, capture_output=True)
    for key in (other.key, locked, device.path):
        with pytest.raises(RequestError, match="no certificate and key that match"):
            read_tls_files(Credentials(client_cert=device.path, client_key=key))
    with pytest.raises(RequestError, match=r"absent\.key cannot be read"):
        read_tls_files(Credentials(client_cert=device.path, client_key=tmp_path / "absent.key"))
