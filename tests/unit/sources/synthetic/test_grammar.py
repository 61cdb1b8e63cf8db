"""Commands and their actions: translations, and combinations that training does not draw."""

from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import Grammar, open_source
from epiplexity_jax.sources.synthetic.grammar import combinations, num_heldout


def draw(count=3000, **config):
    """Primitives and repetitions, each [count, c], and labels [count, c M]."""
    made = Grammar(**config)
    source: Any = open_source(made)
    rows = np.asarray(source.sampler(source.parameters, jax.random.key(0), count))
    assert rows.max() < source.info.input_vocab_size
    command, labels = np.split(rows, [2 * made.clauses], axis=1)
    assert source.info.label_mask.tolist() == [False] * command.shape[1] + [True] * labels.shape[1]
    assert labels.max() < source.info.vocab_size
    begin = made.primitives + 1
    return command[:, ::2] - begin, command[:, 1::2] - begin - made.primitives + 1, labels


@pytest.mark.parametrize("split", ["train", "new_combinations"])
@pytest.mark.parametrize(("primitives", "modifiers", "clauses"), [(5, 3, 2), (2, 2, 3), (9, 4, 1)])
def test_actions_are_the_commands_translation(primitives, modifiers, clauses, split):
    sizes = {"primitives": primitives, "modifiers": modifiers, "clauses": clauses}
    for primitive, times, labels in zip(*draw(200, split=split, **sizes), strict=True):
        actions = [p for p, t in zip(primitive, times, strict=True) for _ in range(t)]
        actions += [primitives] * (clauses * modifiers - len(actions))
        assert labels.tolist() == actions
        assert times.min() >= 1


@pytest.mark.parametrize("seed", range(3))
def test_splits_share_all_words_and_no_combination(seed):
    sizes = {"primitives": 6, "modifiers": 4, "table_seed": seed}
    train, new = (
        {
            pair
            for p, t, _ in zip(*draw(split=split, **sizes), strict=True)
            for pair in zip(p.tolist(), t.tolist(), strict=True)
        }
        for split in ("train", "new_combinations")
    )
    assert train.isdisjoint(new)
    assert len(train) == 18
    assert len(new) == 6
    assert {p for p, _ in train} == set(range(6))
    assert {t for _, t in train} == set(range(1, 5))


def test_another_seed_holds_out_other_combinations():
    first, other = (combinations(Grammar(table_seed=seed))[-6:] for seed in (0, 1))
    assert set(first) != set(other)


def test_combinations_are_uniform():
    primitive, times, _ = draw(9000, primitives=3, modifiers=3, clauses=1, heldout_combinations=0.0)
    counts = np.bincount((3 * primitive + times - 1).ravel())
    assert ((counts - 1000) ** 2 / 1000).sum() < 8 + 5 * 4


@pytest.mark.parametrize(("share", "held"), [(0.0, 0), (0.25, 6), (0.5, 12), (0.58, 14)])
def test_every_word_is_trained_on(share, held):
    config = Grammar(heldout_combinations=share)
    assert num_heldout(config) == held
    kept = combinations(config)[: 24 - held]
    assert len(np.unique(kept // 3)) == 8
    assert len(np.unique(kept % 3)) == 3


def test_actions_cost_nothing():
    assert open_source(Grammar()).info.entropy_rate_nats == 0


@pytest.mark.parametrize("name", ["split", "table_seed"])
def test_nothing_held_out(name):
    value = {"split": "new_combinations", "table_seed": 1}[name]
    with pytest.raises(ConfigError, match=f"^{name}: no combination is held out; raise heldout"):
        Grammar(heldout_combinations=0.0, **{name: value})


def test_too_much_held_out():
    with pytest.raises(ConfigError, match="^heldout_combinations: expected at most .* got 23; "):
        open_source(Grammar(heldout_combinations=0.95))
