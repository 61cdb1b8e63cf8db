"""Algorithmic tasks: answers against plain definitions, label masks, shares and padding."""

from typing import Any

import jax
import numpy as np
import pytest

import epiplexity_jax as epx
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import LengthGeneralisation, open_source
from epiplexity_jax.sources.spec import MaskedTokens
from epiplexity_jax.sweep.config import Heldout, Training

ANSWERS = {
    "copy": lambda x: x,
    "reverse": lambda x: x[::-1],
    "sort": sorted,
    "parity": lambda x: [sum(x) % 2],
}


def draw(count=400, **config):
    source: Any = open_source(LengthGeneralisation(**config))
    drawn = jax.jit(source.sampler, static_argnums=2)(source.parameters, jax.random.key(0), count)
    return source.info, jax.tree.map(np.asarray, drawn)


@pytest.mark.parametrize("room", [None, 9])
@pytest.mark.parametrize("lengths", [(1, 6), (4, 6), (5, 5)])
@pytest.mark.parametrize("task", ANSWERS)
def test_answers_stand_behind_the_sign_and_are_paid_for(task, lengths, room):
    info, drawn = draw(task=task, lengths=lengths, max_length=room)
    masks = np.broadcast_to(info.label_mask, (400, info.length))
    tokens, masks = drawn if isinstance(drawn, MaskedTokens) else (drawn, masks)
    assert isinstance(drawn, MaskedTokens) == info.labels_vary == (lengths[0] < lengths[1])
    seen = set()
    for row, mask in zip(tokens.tolist(), masks, strict=True):
        n = row.index(info.vocab_size - 1)
        answer = list(ANSWERS[task](row[:n]))
        padding = [0] * (info.length - n - 1 - len(answer))
        assert row[n + 1 :] == answer + padding
        assert mask.tolist() == [False] * (n + 1) + [True] * len(answer) + [False] * len(padding)
        seen.add(n)
    assert seen == set(range(lengths[0], lengths[1] + 1))


@pytest.mark.parametrize("task", ["reverse", "parity"])
def test_label_shares_are_those_of_draws(task):
    info, drawn = draw(4000, task=task, lengths=(2, 7), max_length=8)
    found = drawn.mask.mean(axis=0)
    assert (abs(found - info.label_shares) < 5 * 0.5 / np.sqrt(4000)).all()
    assert np.array_equal(found > 0, info.label_mask)
    assert info.mean_labels == pytest.approx(1 if task == "parity" else 4.5)
    assert info.notes[0].startswith("length_generalisation: labels vary by sequence")
    read = np.logical_or.accumulate(drawn.mask[:, ::-1], axis=1)  # up to the last label
    padding = float(info.notes[0].split("; ")[1].split("%")[0]) / 100
    assert abs(1 - read.mean() - padding) < 0.02


def test_lengths_share_a_program():
    one, other = (
        open_source(LengthGeneralisation(lengths=lengths, max_length=12))
        for lengths in ((1, 6), (7, 12))
    )
    assert one.sampler == other.sampler  # pyright: ignore[reportAttributeAccessIssue]
    assert one.info.length == other.info.length
    assert one.info.fingerprint != other.info.fingerprint


def test_drawn_sources_of_varying_labels_train(tmp_path):
    """Labels are counted one by one; a copy of one symbol is learnt within its batch."""
    runs = epx.run(
        LengthGeneralisation(task="copy", lengths=(1, 3), symbols=2),
        epx.families.Transformer(widths=(16,), depths=(1,), seeds=1),
        recipe="fixed",
        store=tmp_path / "store",
        training=Training(steps=30, batch_size=32, warmup_steps=5),
        heldout=Heldout(tokens=2000),
    )
    (curve,) = runs.curves()
    assert curve.entropy_rate_nats == 0
    assert 1.8 < curve.label_tokens[-1] / (30 * 32) < 2.2
    assert curve.ema.loss_nats[0] == pytest.approx(np.log(3), rel=1e-5)
    assert curve.ema.loss_nats[-1] < 0.99 * np.log(2)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        *(
            (
                {"lengths": lengths},
                f"lengths: expected two numbers from 1, the greater one last, got {list(lengths)}",
            )
            for lengths in [(0, 3), (3, 2), (3,), (1, 2, 3), ()]
        ),
        (
            {"lengths": (3, 9), "max_length": 8},
            "lengths: expected at most max_length, which is 8, got 9",
        ),
        ({"task": "parity", "symbols": 3}, "symbols: expected 2 for parity, got 3"),
    ],
)
def test_what_is_no_task(config, sentence):
    with pytest.raises(ConfigError) as caught:
        LengthGeneralisation(**config)
    assert str(caught.value) == sentence
