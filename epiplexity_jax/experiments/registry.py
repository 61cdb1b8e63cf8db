"""Experiments by name: each has a config of its name and a function that reads its runs."""

from collections.abc import Callable

from epiplexity_jax.base.config import did_you_mean
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.phenomena import (
    chess,
    connect_four,
    easy_induction,
    emergence,
    hard_induction,
    life,
    lorenz,
    natural,
    one_way_map,
    pairs,
    pseudorandom,
    rule_order,
    tic_tac_toe,
    transformations,
    two_codes,
)

Reader = Callable[[Measured], Findings]

_READERS: dict[str, Reader] = {
    "chess": chess.read,
    "connect_four": connect_four.read,
    "easy_induction": easy_induction.read,
    "emergence": emergence.read,
    "hard_induction": hard_induction.read,
    "life": life.read,
    "lorenz": lorenz.read,
    "natural": natural.read,
    "one_way_map": one_way_map.read,
    "pairs": pairs.read,
    "pseudorandom": pseudorandom.read,
    "rule_order": rule_order.read,
    "rule_order_tuned": rule_order.read,
    "tic_tac_toe": tic_tac_toe.read,
    "transformations": transformations.read,
    "two_codes": two_codes.read,
}


def reader(name: str) -> Reader:
    """Find the function that reads the runs of an experiment.

    Raises:
        ConfigError: when there is no such experiment.
    """
    if name not in _READERS:
        raise ConfigError(f"NAME: {did_you_mean('experiment', name, _READERS)}")
    return _READERS[name]
