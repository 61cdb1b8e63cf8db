"""A decomposition as a value: what follows from its fields, and what its status says."""

import json

import pytest

from epiplexity_jax.analysis.frontier.decomposition import (
    UNIFORM,
    Decomposition,
    explain,
    status_of,
)
from epiplexity_jax.analysis.frontier.setting import Setting
from epiplexity_jax.analysis.runs.recipes import RecipeReport
from epiplexity_jax.base.status import ResultStatus

SETTING = Setting("source", 4, "prequential", "paired", "ema", "refined", 1e6, 0.5)


def uniform(**changes):
    fields = UNIFORM | {
        **{f"{name}_bits_interval": None for name in ("epiplexity", "entropy", "mdl")},
        **{name: getattr(SETTING, name) for name in ("source", "estimator", "variant", "floor")},
        **{"procedure": "refined", "test_tokens": 1e6, "compute_flops": 1e9},
        **{"entropy_bits": 2e6, "entropy_bits_per_byte": 4.0, "candidates": 8},
        **{"resolution_bits": None, "flags": ("carried",), "warnings": ()},
    }
    return Decomposition(**(fields | changes))


def test_fields_follow_from_others():
    found = uniform(epiplexity_bits=5.0)
    assert (found.mdl_bits, found.entropy_bits_per_token, found.selection_bits) == (2000005, 2, 3)


def test_plain_values_go_to_json():
    found = uniform(epiplexity_bits_interval=(0.0, 7.0)).to_json()
    assert json.loads(json.dumps(found)) == found
    assert found["status"] == "untrained"
    assert found["epiplexity_bits_interval"] == [0.0, 7.0]
    assert found["flags"] == ["carried"]


@pytest.mark.parametrize(
    ("bits", "resolution", "status"),
    [
        (4.1, 4.0, ResultStatus.OK),
        (3.9, 4.0, ResultStatus.BELOW_RESOLUTION),
        (-3.9, 4.0, ResultStatus.BELOW_RESOLUTION),
        (0.0, 0.0, ResultStatus.BELOW_RESOLUTION),
        (-4.1, 4.0, ResultStatus.NEGATIVE),
    ],
)
def test_the_status_compares_a_length_with_the_resolution(bits, resolution, status):
    assert status_of(bits, resolution) is status


@pytest.mark.parametrize(
    ("status", "flags", "beats", "said"),
    [
        (ResultStatus.OK, (), True, []),
        (ResultStatus.OK, ("edge_steps", "carried"), True, ["last record point", "exceeds every"]),
        (ResultStatus.BELOW_RESOLUTION, (), True, ["below resolution (< 12 bits)"]),
        (ResultStatus.NEGATIVE, (), True, ["negative by more than its error"]),
        (ResultStatus.UNTRAINED, (), False, ["by more than its error"]),
        (ResultStatus.UNTRAINED, (), True, ["though one comes below it"]),
        (ResultStatus.UNTRAINED, ("below_cheapest",), False, ["too small for any member"]),
    ],
)
def test_a_sentence_for_every_status_and_flag(status, flags, beats, said):
    sentences = explain(status, 12.0, flags, beats)
    assert len(sentences) == len(said)
    assert all(part in sentence for part, sentence in zip(said, sentences, strict=True))


def test_a_recipe_goes_to_json_with_its_neighbours():
    recipe = RecipeReport(
        "tuned", {"learning_rate": 0.1}, 8, "w8", 1e9, ({"learning_rate": 0.2, "mdl_change": 0.1},)
    )
    found = uniform(recipe=recipe).to_json()
    assert json.loads(json.dumps(found)) == found
    assert (found["recipe"]["kind"], found["recipe"]["tried"]) == ("tuned", 8)
    assert found["recipe"]["neighbours"] == [{"learning_rate": 0.2, "mdl_change": 0.1}]
    assert uniform().to_json()["recipe"] is None


@pytest.mark.parametrize("flag", ["edge_rate", "edge_batch"])
def test_an_edge_of_the_recipes_has_a_sentence(flag):
    assert "end of those tried" in explain(ResultStatus.OK, 1.0, (flag,), True)[0]
