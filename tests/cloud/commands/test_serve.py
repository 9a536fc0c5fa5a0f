"""What `isthmus cloud serve` refuses before it loads a model."""

from pathlib import Path

import pytest

import isthmus
from protos.bundle import Bundle


def serve(bundle: Bundle, *words: object) -> int:
    return isthmus.main(["cloud", "serve", "--bundle", str(bundle.path), *map(str, words)])


def test_nobody_listens_beyond_loopback_without_tls_and_identities(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert serve(bundle, "--listen", "0.0.0.0:0") == 3
    told = capsys.readouterr().err
    assert "--tls-cert and --tls-key" in told
    assert "--tokens, --jwks or --client-ca" in told
    assert "--behind-proxy" in told


def test_files_are_read_before_the_model(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = tmp_path / "absent"
    jwks = ("--audience", "isthmus", "--issuer", "https://login.example")
    for words in (
        ("--tokens", absent),
        ("--jwks", absent, *jwks),
        ("--tls-cert", absent, "--tls-key", absent),
    ):
        assert serve(bundle, "--listen", "127.0.0.1:0", *words) == 3
        assert f"{absent} cannot be read" in capsys.readouterr().err


def test_without_a_compiler_nothing_is_compiled(
    bundle: Bundle, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert serve(bundle, "--listen", "127.0.0.1:0", "--compile") == 3
    assert "needs a C++ compiler, and no-such-compiler is not there" in capsys.readouterr().err
