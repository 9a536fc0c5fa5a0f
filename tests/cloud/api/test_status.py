"""Errors as gRPC statuses."""

import grpc
import pytest

from cloud.api.status import code_number, status_of
from protos.errors import CloudBusy, UnknownFrame


def test_an_expected_error_keeps_its_message() -> None:
    assert status_of(UnknownFrame("send it again")) == (grpc.StatusCode.NOT_FOUND, "send it again")
    assert code_number(status_of(CloudBusy("later"))[0]) == 8


def test_a_long_message_fits_into_metadata() -> None:
    assert len(status_of(UnknownFrame("ü" * 5000))[1].encode()) == 1500


def test_a_bug_is_logged_and_its_message_stays_inside(caplog: pytest.LogCaptureFixture) -> None:
    status, message = status_of(ZeroDivisionError("the inside of the service"))
    assert status == grpc.StatusCode.INTERNAL
    assert "inside" not in message
    assert "ZeroDivisionError" in caplog.text
