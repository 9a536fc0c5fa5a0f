import numpy as np

from splitter.families import family
from splitter.families.loading import load_model
from splitter.graph.chain import Arrays
from splitter.graph.cut_plan import CutPlan, boundary_tensors
from splitter.nano import WEIGHTS

PLAN = CutPlan({"vision.2": ["hidden", "deepstack"], "connector": ["image_tokens"]})


def test_a_plan_tells_what_the_graph_calls_the_tensors_of_each_cut() -> None:
    assert PLAN.cuts == ["vision.2", "connector"]
    assert PLAN.graph_names == [["vision.2/hidden", "vision.2/deepstack"], ["connector/image_tokens"]]


def test_a_boundary_is_taken_out_of_all_that_a_chain_gave() -> None:
    names = ["vision.2/hidden", "vision.2/deepstack", "connector/image_tokens"]
    given: Arrays = {name: np.full((1, 2), place, np.float16) for place, name in enumerate(names)}
    boundary = PLAN.boundary("vision.2", given)
    assert list(boundary) == ["hidden", "deepstack"]
    assert boundary["deepstack"].dtype == np.float32
    assert boundary["deepstack"].tolist() == [[1, 1]]


def test_the_tensors_of_the_wanted_cuts_are_found_in_order() -> None:
    found = boundary_tensors(family("idefics3"), load_model(WEIGHTS), {"connector", "vision.2"})
    assert list(found.items()) == [("vision.2", ["hidden"]), ("connector", ["image_tokens"])]
