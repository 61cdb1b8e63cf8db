"""Every definition has a function that reads its runs, and the other way round."""

import fnmatch

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.experiments import registry
from epiplexity_jax.experiments.definition import load, names
from epiplexity_jax.experiments.measured import Ending
from tests.unit.experiments.fake import SEQUENCES, FakeMeasured, around, decomposed

LARGEST = 1e19  # FLOPs, beyond every published budget


def test_definitions_and_readers_have_the_same_names():
    assert sorted(registry._READERS) == sorted(names())


def test_an_unknown_name_is_refused():
    with pytest.raises(ConfigError, match="unknown experiment 'life2'; did you mean 'life'"):
        registry.reader("life2")


class AnyRuns(FakeMeasured):
    """Runs of any sources at budgets up to the published ones, all with the same lengths."""

    def __init__(self, config, bits=50.0):
        same = {name: around(bits) for name in config["sources"]}
        counts = dict.fromkeys(same, 64.0)

        def answer(source, compute):
            return decomposed(source, compute, around(1e3), around(6e4), 64.0 * SEQUENCES)

        super().__init__(same, same, counts, answer, dict.fromkeys(same, 40.0), config)

    def largest(self, *sources):
        return LARGEST

    def frontier(self, source):
        frontier = super().frontier(source)
        frontier.points.time_flops[-1] = LARGEST
        return frontier

    def ending(self, source, size=None):
        drawn = 50.0 + self.sources.index(source) + np.arange(3.0)
        return Ending(size or "one", 1, {"model": drawn}, {"model": 1.0})

    def under(self, estimator):
        return self


def checks(name, size, bits=50.0):
    """Checks on the runs of a size of an experiment, whose sequences take so many bits."""
    return registry.reader(name)(AnyRuns(load(name).config(size), bits)).checks


@pytest.mark.parametrize("name", [name for name in names() if load(name).published])
def test_published_values_stand_beside_the_signs_that_are_checked(name):
    """One value at the least has a sign, and no sign is one that nothing checks."""
    patterns = [one.sign for one in load(name).published if one.sign]
    published = checks(name, "paper")
    assert bool(patterns) == any(check.kind == "sign" for check in published)
    kinds = [(size, bits) for size in ("paper", "small") for bits in (50.0, 16.0)]
    statements = [check.expected for kind in kinds for check in checks(name, *kind)]
    for pattern in patterns:
        assert fnmatch.filter(statements, pattern), pattern


@pytest.mark.parametrize("name", [name for name in names() if load(name).published])
def test_values_that_stand_beside_published_ones_are_read_at_the_size_of_the_paper(name):
    found = registry.reader(name)(AnyRuns(load(name).config("paper")))
    ours = {one.ours for one in load(name).published} - {""}
    assert ours <= {value.name for value in found.values}
