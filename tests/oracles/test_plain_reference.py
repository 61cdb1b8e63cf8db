"""The package against a plain NumPy program that shares no code with it, on a stored sweep."""

from pathlib import Path

import numpy as np
import pytest

import epiplexity_jax as epx
from tests.oracles import plain

STORE = Path(__file__).parents[1] / "data" / "store_v1"
TEST = 1e6


@pytest.fixture(scope="module")
def runs():
    return epx.load(STORE)


def test_every_length_and_time_is_that_of_the_plain_program(runs):
    for source in runs.sources:
        found = runs.frontier(TEST, source, variant="switch")
        stored = plain.read(STORE, source)
        shift = plain.correction([run for seeds in stored.values() for run in seeds])
        expected = [plain.member(seeds, shift, TEST) for seeds in stored.values()]
        assert len(found.all_members) == len(expected)
        for member, reference in zip(found.all_members, expected, strict=True):
            for values, name in (
                (member.time_flops, "time"),
                (member.model_bits, "model"),
                (member.data_bits, "data"),
            ):
                np.testing.assert_allclose(values, reference[name], rtol=1e-12, atol=1e-7)


def test_the_frontier_is_that_of_the_plain_program(runs):
    for source in runs.sources:
        found = runs.frontier(TEST, source, variant="switch")
        stored = plain.read(STORE, source)
        shift = plain.correction([run for seeds in stored.values() for run in seeds])
        hull = plain.frontier([plain.member(seeds, shift, TEST) for seeds in stored.values()])
        np.testing.assert_allclose(found.compute, hull[:, 0], rtol=1e-12)
        for budget in np.geomspace(hull[0, 0], hull[-1, 0], 7):
            model, data = plain.at(hull, float(budget))
            answer = found.traced.at(float(budget))
            assert answer.model_bits == pytest.approx(model, rel=1e-12, abs=1e-6)
            assert answer.data_bits == pytest.approx(data, rel=1e-12)
