"""A family with axes of its own, as a third party writes it: one file and one registration."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import epiplexity_jax as epx
from epiplexity_jax import families
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families.config import ConfiguredFamily, FamilyConfig
from epiplexity_jax.families.spec import Axis, Cost, DeviceFamily, Size, Task


class Gated(FamilyConfig):
    """Bigram tables by heads and experts."""

    kind: Literal["test_gated"] = "test_gated"
    heads: Annotated[tuple[int, ...], Axis("heads", least=1)] = (1, 2)
    experts: Annotated[tuple[int, ...], Axis("experts", least=0)] = (1, 3)
    seeds: int = 2
    learning_rates: tuple[float, ...] | None = (0.1,)


@dataclass(frozen=True)
class GatedModel:
    heads: int
    experts: int
    task: Task
    compute_dtype: str
    platform: str

    @property
    def cost(self):
        params = self.heads * self.experts * self.task.num_input_ids * self.task.vocab_size
        return Cost(params, 6.0 * params, 2.0 * params)

    def init(self, key) -> Any:
        shape = (self.heads * self.experts, self.task.num_input_ids, self.task.vocab_size)
        return {"table": 0.01 * jax.random.normal(key, shape)}

    def logits(self, params, inputs):
        targets = np.asarray(self.task.target_positions)
        return params["table"].sum(0)[jnp.asarray(inputs)[:, targets]]

    def rate_scales(self, params):
        return {"table": 1.0}


class GatedFamily(ConfiguredFamily):
    def model(self, size, task, compute_dtype, platform):
        return GatedModel(size["heads"], size["experts"], task, compute_dtype, platform)


families.register(Gated, GatedFamily, listed=False)


def test_sizes_are_the_product_of_the_axes():
    family = families.open_family(Gated())
    assert isinstance(family, DeviceFamily)
    assert (family.kind, family.seeds, family.learning_rates) == ("test_gated", 2, (0.1,))
    assert family.sizes() == tuple(Size.of(heads=h, experts=e) for e in (1, 3) for h in (1, 2))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"heads": (0,)}, "heads: must be positive, got 0"),
        ({"experts": (-1,)}, "experts: must not be negative, got -1"),
        ({"heads": (2, 2)}, "heads: each value once, got [2, 2]"),
        ({"learning_rates": (0.1, 0.1)}, "learning_rates: each value once, got [0.1, 0.1]"),
        ({"learning_rates": (-0.1,)}, "learning_rates: must be positive and finite, got -0.1"),
    ],
)
def test_impossible_values_are_refused(arguments, sentence):
    with pytest.raises(ConfigError) as caught:
        Gated(**arguments)
    assert str(caught.value) == sentence


def test_its_members_train_are_stored_and_told_apart(tmp_path):
    def run(config):
        return epx.run(
            epx.sources.Markov(matrix=[[0.9, 0.1], [0.2, 0.8]], length=8),
            config,
            recipe="fixed",
            store=tmp_path / "store",
            training=epx.Training(steps=20, batch_size=8, warmup_steps=5),
            heldout=epx.Heldout(tokens=1_000),
        )

    rows = run(Gated()).rows(test_tokens=1e6)
    assert len(rows) == 8
    sizes = {f"heads {heads} experts {experts}" for heads in (1, 2) for experts in (1, 3)}
    assert {row["size"] for row in rows} == sizes
    assert {(row["width"], row["depth"], row["order"]) for row in rows} == {(None, None, None)}
    members = run(Gated()).frontier(test_tokens=1e6).all_members
    assert len({member.name for member in members}) == 4
    again = run(Gated(heads=(2, 1, 4), seeds=1)).rows(test_tokens=1e6)  # a longer list
    kept = {row["run_id"]: row["created"] for row in rows}
    assert sum(kept.get(row["run_id"]) == row["created"] for row in again) == 4
