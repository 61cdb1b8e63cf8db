"""One experiment at its smallest size, trained once for all tests that read it."""

from dataclasses import replace

import pytest

from epiplexity_jax.experiments.perform import run_experiment
from epiplexity_jax.experiments.recorded import command_of, record


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The store and the result of rules 15, 30 and 54, in seconds."""
    folder = tmp_path_factory.mktemp("experiments") / "rule_order"
    return folder, run_experiment("rule_order", "smoke", folder, file=folder.parent / "result.json")


@pytest.fixture(scope="session")
def paper(smoke):
    """A result at the published size: the values of a smoke run, under the names of that size."""
    _, result = smoke
    endings = [row | {"size": "width 64 depth 2"} for row in result.endings]
    rows = [row | {"estimator": "requential"} for row in result.rows]
    command = {"command": command_of("rule_order", "paper")}
    origin = result.origin | command | record(result.experiment, "paper")
    return replace(result, size="paper", endings=endings, rows=rows, origin=origin)
