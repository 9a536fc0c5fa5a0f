"""Features as a request says them: by places in the manifest, or by name."""

import pytest

from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.errors import PayloadError, UnknownName
from protos.features import coding_number, coding_of, payloads_of

TWO = pb.Codec(
    name="b", tensors=[pb.CodedTensor(codes=pb.TensorSpec(name=name)) for name in ("hidden", "deep")]
)
MANIFEST = pb.Manifest(
    cuts=[pb.Cut(name="early", codecs=[pb.Codec(name="a"), TWO]), pb.Cut(name="late", codecs=[TWO])]
)


def test_numbers_count_all_codecs_cut_after_cut() -> None:
    pairs = [("early", "a"), ("early", "b"), ("late", "b")]
    numbers = [coding_number(MANIFEST, *pair) for pair in pairs]
    assert numbers == [1, 2, 3]
    assert [coding_of(ip.Features(coding=number), MANIFEST) for number in numbers] == pairs


def test_without_a_number_names_count() -> None:
    assert coding_of(ip.Features(cut="late", codec="b"), MANIFEST) == ("late", "b")


def test_what_is_not_there_is_told_with_what_is() -> None:
    with pytest.raises(UnknownName, match="1 to 3"):
        coding_of(ip.Features(coding=4), MANIFEST)
    with pytest.raises(UnknownName, match="late/b"):
        coding_number(MANIFEST, "late", "a")


def features(*payloads: tuple[str, bytes]) -> ip.Features:
    return ip.Features(payloads=[ip.Payload(name=name, data=data) for name, data in payloads])


def test_payloads_without_names_are_in_the_codecs_order() -> None:
    wanted = {"hidden": b"1", "deep": b"2"}
    assert payloads_of(features(("", b"1"), ("", b"2")), TWO) == wanted
    assert payloads_of(features(("deep", b"2"), ("hidden", b"1")), TWO) == wanted


@pytest.mark.parametrize("names", [("", "", ""), ("",), ("hidden", "hidden"), ("", "deep", "")])
def test_too_many_too_few_and_twice_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(PayloadError, match="send each once"):
        payloads_of(features(*((name, b"1") for name in names)), TWO)
