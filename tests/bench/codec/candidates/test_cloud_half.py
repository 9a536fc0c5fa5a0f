import pytest

from bench.codec.candidates.cloud_half import CloudHalf
from protos.bundle import Bundle
from protos.errors import BundleDamaged


def test_a_bundle_that_answers_questions_matches_nothing(bundle: Bundle) -> None:
    with pytest.raises(BundleDamaged, match="matches nothing"):
        assert CloudHalf(bundle).dual_encoder
