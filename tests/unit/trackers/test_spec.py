"""Trackers whose package is missing."""

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.trackers import Tensorboard, Trackio, Wandb, open_tracker, spec


@pytest.mark.parametrize(
    ("config", "package"),
    [(Tensorboard(), "tensorboardX"), (Wandb(), "wandb"), (Trackio(), "trackio")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_package_that_is_missing_is_named_with_its_extra(config, package, monkeypatch):
    monkeypatch.setattr(spec.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as refused:
        open_tracker(config)
    assert str(refused.value) == (
        f"{config.kind} needs the package {package}: pip install 'epiplexity-jax[{config.kind}]'"
    )
