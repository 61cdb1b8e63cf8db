"""Maps of sources that give real numbers beside tokens: kept with their sequence, or refused."""

from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import open_source, opening

ROWS = {"kind": "markov_rows", "vocab_size": 3, "length": 5, "hidden": 1}


FINITE = {"kind": "subsample", "sequences": 80, "source": ROWS}


@pytest.mark.parametrize("inner", [ROWS, FINITE], ids=["drawn", "read"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("shuffle", {}),
        ("shuffle", {"scope": "corpus"}),
        ("reorder", {"order": "reverse", "segments": 1}),
        ("sort", {}),
        ("dedupe", {}),
        ("encrypt", {"algorithm": "threefry"}),
        ("encrypt", {"algorithm": "aes", "nonce": "reused"}),
        ("apply_rule", {"rule": 30}),
        ("retokenise", {"into": "chunk", "group": 7}),
        ("retokenise", {"into": "bytes"}),
        ("retokenise", {"into": "bpe", "vocab_size": 9}),
        ("retokenise", {"into": "tokeniser", "vocabulary": "nowhere"}),
    ],
)
def test_maps_of_tokens_refuse_real_numbers(kind, options, inner):
    with pytest.raises(ConfigError) as caught:
        open_source(opening.parse({"kind": kind, "source": inner, **options}, "s"))
    assert str(caught.value) == (
        f"source: gives vectors of real numbers at 2 positions, which {kind} does not know; use a "
        "source of tokens"
    )


@pytest.mark.parametrize("inner", [ROWS, FINITE], ids=["drawn", "read"])
def test_real_numbers_are_no_text_to_compile(inner):
    with pytest.raises(ConfigError, match="^source: .* holds no documents of text to compile"):
        open_source(opening.parse({"kind": "compile_python", "source": inner}, "s"))


def _drawn(config):
    """A batch of a drawn source, with the source's facts."""
    drawn: Any = open_source(opening.parse(config, "s"))
    return drawn.info, drawn.sampler(drawn.parameters, jax.random.key(0), 6)


@pytest.mark.parametrize(
    "config",
    [
        {"kind": "flip_labels", "rate": 1.0, "source": ROWS},
        {"kind": "mix", "sources": [{"source": ROWS}, {"source": {**ROWS, "order_seed": 1}}]},
    ],
    ids=["flip_labels", "mix"],
)
def test_other_maps_keep_the_real_numbers_of_each_sequence(config):
    """Drawn, in memory and read twice."""
    info, batch = _drawn(config)
    assert (info.real_positions, info.real_width) == ((1, 2), 3)
    assert batch.reals.shape == (6, 2, 3)
    np.testing.assert_allclose(np.exp(batch.reals).sum(-1), 1, rtol=1e-5)
    finite: Any = {**FINITE, "source": config}
    for outer in (finite, {"kind": "replay", "times": 2, "source": finite}):
        source: Any = open_source(opening.parse(outer, "s"))
        whole = source.read(np.arange(80))
        assert whole.tokens.shape == (80, info.length)
        again = source.read(np.arange(80)[::-1])
        np.testing.assert_array_equal(again.reals[::-1], whole.reals)


def test_flipped_labels_lie_behind_the_same_rows():
    """On the host, where a flip at rate 1 changes every label and nothing else."""
    inner = {"kind": "subsample", "sequences": 30, "source": ROWS}
    source: Any = open_source(opening.parse(inner, "s"))
    flipped: Any = open_source(
        opening.parse({"kind": "flip_labels", "rate": 1.0, "source": inner}, "s")
    )
    one, two = source.read(np.arange(30)), flipped.read(np.arange(30))
    np.testing.assert_array_equal(one.reals, two.reals)
    labels = source.info.label_mask
    np.testing.assert_array_equal(one.tokens[:, ~labels], two.tokens[:, ~labels])
    assert (one.tokens[:, labels] != two.tokens[:, labels]).all()


def test_sources_with_vectors_at_other_places_do_not_mix():
    other = {**ROWS, "hidden": 0, "length": 4}
    config = {"kind": "mix", "sources": [{"source": ROWS}, {"source": other}]}
    with pytest.raises(ConfigError, match="its real_positions is"):
        open_source(opening.parse(config, "s"))
