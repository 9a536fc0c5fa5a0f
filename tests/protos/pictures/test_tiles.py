from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.errors import PayloadError
from protos.pictures.sizes import picture_grid, resized_size
from protos.pictures.tiles import ONE_TILE, Grid, claimed_grid, largest_grid, max_tiles, spans
from protos.text.prompt import write_prompt

EDGES = st.integers(1, 9000)
TILED = pb.Preprocessing(resizes=[pb.Resize(longest_edge=2048)], tiles=pb.Tiles(side=512, max=17))
NOW = datetime(2026, 3, 1, tzinfo=UTC)
PICTURE = pb.PictureText(alone="<whole>*", tile="<{row},{column}>*", row_end="|", whole="<whole>*")


@given(height=EDGES, width=EDGES)
def test_a_picture_of_any_size_becomes_no_more_tiles_than_the_bound(height: int, width: int) -> None:
    assert 5 <= picture_grid(TILED, height, width).tiles <= max_tiles(TILED)


@given(height=EDGES, width=EDGES, longest=st.sampled_from([224, 1456, 1820, 2048, 4096]))
def test_a_resized_picture_is_not_resized_again(height: int, width: int, longest: int) -> None:
    tiled = pb.Preprocessing(resizes=[pb.Resize(longest_edge=longest)], tiles=pb.Tiles(side=364, max=200))
    # thinner ones come out one pixel wide, and are then made even
    assume(max(height, width) < longest * min(height, width))
    resized = resized_size(tiled, height, width)
    assert resized_size(tiled, *resized) == resized
    assert picture_grid(tiled, *resized) == picture_grid(tiled, height, width)


def test_a_picture_is_one_tile_where_the_bundle_speaks_of_none() -> None:
    plain = pb.Preprocessing(resizes=[pb.Resize(longest_edge=2048)])
    assert picture_grid(plain, 3000, 4000) == largest_grid(plain) == ONE_TILE
    assert (ONE_TILE.tiles, max_tiles(plain)) == (1, 1)


def test_the_largest_grid_is_within_the_bound() -> None:
    assert largest_grid(TILED) == Grid(4, 4)


@pytest.mark.parametrize("grid", [Grid(0, 0), Grid(1, 4), Grid(4, 4), Grid(16, 1)])
def test_a_grid_within_the_bound_is_taken(grid: Grid) -> None:
    assert claimed_grid(ip.Features(rows=grid.rows, columns=grid.columns), TILED) == grid


@pytest.mark.parametrize("grid", [(0, 1), (1, 0), (4, 5), (17, 1), (2**32 - 1, 2**32 - 1)])
def test_a_grid_beyond_it_is_refused(grid: tuple[int, int]) -> None:
    with pytest.raises(
        PayloadError, match=f"{grid[0]} x {grid[1]} tiles and the whole; this model takes at most 17"
    ):
        claimed_grid(ip.Features(rows=grid[0], columns=grid[1]), TILED)


def test_tiles_are_refused_where_the_bundle_speaks_of_none() -> None:
    with pytest.raises(PayloadError, match="takes at most 1:"):
        claimed_grid(ip.Features(rows=1, columns=1), pb.Preprocessing())


def test_the_tiles_of_several_pictures_lie_one_after_another() -> None:
    assert spans([Grid(1, 2), ONE_TILE, Grid(2, 2)]) == [slice(0, 3), slice(3, 4), slice(4, 9)]


def test_a_prompt_names_every_tile_and_then_the_whole() -> None:
    prompt = pb.Prompt(template="User: {picture} {question}", picture=PICTURE)
    written = write_prompt(prompt, "what is {picture}?", Grid(2, 1), NOW)
    assert written == "User: <1,1>*|<2,1>*|<whole>* what is {picture}?"


def test_a_picture_of_one_tile_is_written_alone() -> None:
    prompt = pb.Prompt(template="{picture}{question}", picture=PICTURE)
    assert write_prompt(prompt, "?", ONE_TILE, NOW) == "<whole>*?"
