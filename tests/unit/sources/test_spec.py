"""Facts of a source: tokens that take time, tokens that are paid for, names of its data."""

import dataclasses

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import kinds as kinds
from epiplexity_jax.sources.opening import parse
from epiplexity_jax.sources.spec import MOST_TOKENS, SourceInfo, check_tokens


def facts(mask, **changes):
    mask = np.array(mask, bool)
    return SourceInfo(vocab_size=2, length=len(mask), label_mask=mask, fingerprint="f", **changes)


def test_a_bos_token_stands_before_a_first_token_that_is_predicted():
    free, given = facts([1, 1, 1, 1]), facts([0, 1, 1, 0])
    assert (free.has_bos, free.label_tokens) == (True, 4)
    assert (given.has_bos, given.label_tokens) == (False, 2)


def test_an_origin_is_named_once():
    assert facts([1], origins=("a", "b", "a")).origins == ("a", "b")


@pytest.mark.parametrize(("rate", "unbounded"), [(None, False), (0.0, True), (0.5, True)])
def test_a_rate_that_is_not_known_is_not_unbounded(rate, unbounded):
    info = facts([1], entropy_rate_nats=rate, rate_is_unbounded=True)
    assert info.rate_is_unbounded == unbounded
    assert not dataclasses.replace(info, entropy_rate_nats=None).rate_is_unbounded


def test_numbers_of_a_sequence_count_its_reals():
    assert facts([0, 0, 1]).numbers == 3
    assert facts([0, 0, 1], real_positions=(0, 1), real_width=4).numbers == 3 + 8


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"real_positions": (0,)}, "real_width: expected a width of 1 or more and real_positions"),
        ({"real_width": 3}, "real_width: expected a width of 1 or more and real_positions"),
        ({"real_positions": (2,), "real_width": 3}, "real_positions: expected ascending places"),
        ({"real_positions": (1, 0), "real_width": 3}, "real_positions: expected ascending places"),
        ({"real_positions": (0, 0), "real_width": 3}, "real_positions: expected ascending places"),
        ({"real_positions": (-1,), "real_width": 3}, "real_positions: expected ascending places"),
        (
            {"real_positions": (0,), "real_width": 3, "features": 2},
            "real_positions: a source with vectors as inputs cannot have them",
        ),
        (
            {"real_positions": (0,), "real_width": 3, "label_shares": np.array([0, 0, 0.5])},
            "real_positions: a source with labels that vary by sequence cannot have them",
        ),
    ],
)
def test_reals_stand_beside_inputs_alone(given, sentence):
    with pytest.raises(ConfigError, match=f"^{sentence}"):
        facts([0, 0, 1], **given)


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"kind": "life", "rows": 100_000, "columns": 100_000}, "rows"),
        ({"kind": "elementary_ca", "rule": 30, "cells": 10**9}, "cells"),
        ({"kind": "elementary_ca", "rule": 30, "steps": 10**5, "states": 10**5}, "cells"),
        ({"kind": "induction", "cells": 10**9}, "cells"),
        *(
            ({"kind": kind, "length": MOST_TOKENS + 1}, "length")
            for kind in ("noise", "markov", "lcg", "lfsr", "repeat", "mixture", "markov_rows")
        ),
        ({"kind": "random_chess", "length": MOST_TOKENS + 1}, "length"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else value,
)
def test_a_sequence_that_no_machine_holds_is_refused_before_it_is_made(config, key):
    with pytest.raises(ConfigError, match=rf"^x\.{key}: .* {MOST_TOKENS}.*, got \d+$"):
        parse(config, "x")


def test_the_longest_sequence_is_let_through():
    check_tokens("rows", MOST_TOKENS)
    parse({"kind": "life", "rows": 1 << 9, "columns": 1 << 10}, "x")
    with pytest.raises(ConfigError, match=r"^x\.rows: "):
        parse({"kind": "life", "rows": 1 << 9, "columns": (1 << 10) + 1}, "x")
