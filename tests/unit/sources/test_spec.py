"""Facts of a source: tokens that take time, tokens that are paid for, names of its data."""

import numpy as np

from epiplexity_jax.sources.spec import SourceInfo


def facts(mask, **changes):
    mask = np.array(mask, bool)
    return SourceInfo(vocab_size=2, length=len(mask), label_mask=mask, fingerprint="f", **changes)


def test_a_bos_token_stands_before_a_first_token_that_is_predicted():
    free, given = facts([1, 1, 1, 1]), facts([0, 1, 1, 0])
    assert (free.has_bos, free.label_tokens) == (True, 4)
    assert (given.has_bos, given.label_tokens) == (False, 2)


def test_an_origin_is_named_once():
    assert facts([1], origins=("a", "b", "a")).origins == ("a", "b")
