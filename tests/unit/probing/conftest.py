"""A small store of members that have learnt a step of an automaton."""

import pytest

import epiplexity_jax as epx
from tests.unit.probing.made import CELLS, RULE


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """Two seeds that predict the next state of a ring under rule 30, nearly without loss."""
    folder = tmp_path_factory.mktemp("transfer") / "ca"
    runs = epx.run(
        {"ca": epx.sources.ElementaryCA(rule=RULE, cells=CELLS, steps=1, burn_in=0)},
        epx.families.Transformer(widths=(16,), depths=(2,), seeds=2),
        store=folder,
        steps=700,
        training=epx.Training(batch_size=64, learning_rate=0.12, warmup_steps=20),
        heldout=epx.Heldout(tokens=2048),
        recipe="fixed",
        frontier=epx.FrontierOptions(test_tokens=1e5),
    )
    assert max(row["heldout_loss_nats"] for row in runs.rows()) < 0.01
    return folder
