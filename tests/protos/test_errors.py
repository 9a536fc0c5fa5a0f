from protos.errors import UnknownName

CUTS = [*(f"vision.{layer}" for layer in range(1, 25)), "connector"]


def test_an_unknown_name_is_answered_with_the_nearest_ones_before_all() -> None:
    said = str(UnknownName("cut", "conector", CUTS))
    assert said.startswith(
        "there is no cut 'conector' (did you mean connector?); choose one of: vision.1, vision.2"
    )
    assert "did you mean vision.2 or " in str(UnknownName("cut", "vison.2", CUTS))


def test_of_a_name_without_end_only_the_beginning_is_looked_at() -> None:
    error = UnknownName("cut", "x" * 10_000_000, CUTS)
    assert len(str(error)) < 1000
    assert error.facts["name"] == "x" * 64


def test_a_name_like_none_of_them_is_answered_with_all() -> None:
    assert (
        str(UnknownName("cut", "", ["vision.1", "connector"]))
        == "there is no cut ''; choose one of: vision.1, connector"
    )
    assert str(UnknownName("route", "x", [])) == "there is no route 'x'; choose one of: none"
