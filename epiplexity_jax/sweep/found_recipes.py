"""Recipes that tuning has found before, as the store of a sweep keeps them."""

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.config import Sweep, parse_sweep
from epiplexity_jax.sweep.config_file import read_config


def with_found_recipes(sweep: Sweep, store: Store | None) -> Sweep:
    """Add the recipes that a store has found for the very same config."""
    path = None if store is None else store.path / "sweep.yaml"
    if path is None or not path.exists():
        return sweep
    try:
        stored = parse_sweep(read_config(path))
    except ConfigError:  # sources of a program, or a config of another version
        return sweep
    found = {"recipes": stored.recipes, "grid": stored.grid}
    if sweep.model_copy(update=found).to_plain() != stored.to_plain():
        return sweep
    return sweep.model_copy(update={"recipes": stored.recipes})
