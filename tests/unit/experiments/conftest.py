"""One experiment at its smallest size, trained once for all tests that read it."""

import pytest

from epiplexity_jax.experiments.perform import run_experiment


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The store and the result of rules 15, 30 and 54, in seconds."""
    folder = tmp_path_factory.mktemp("experiments") / "rule_order"
    return folder, run_experiment("rule_order", "smoke", folder, file=folder.parent / "result.json")
