"""Options of a transfer: the published recipe, and what goes together."""

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.probing.options import TransferOptions


def test_the_defaults_are_the_published_recipe():
    options = TransferOptions()
    assert (options.batch_size, options.learning_rate, options.warmup) == (32, None, 0.1)
    assert options.warmup_steps == 150


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train": "head"}, "train: "),
        ({"blocks": 2}, "blocks: goes with train: last_blocks, not with all"),
        ({"train": "last_blocks", "blocks": 0}, "blocks: "),
        ({"steps": -1}, "steps: "),
        ({"steps": 0, "train": "readout"}, "train: nothing learns in 0 steps"),
        ({"steps": 0, "readout": "new"}, "readout: a new one learns nothing"),
        ({"warmup": 1.5}, "warmup: "),
        ({"learning_rate": float("inf")}, "learning_rate: "),
        ({"stesp": 3}, "unknown key 'stesp'; did you mean 'steps'"),
    ],
)
def test_what_is_not_allowed_is_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        TransferOptions(**given)
