"""Annotations are checked in the tests: types, and lengths of axes that share a name."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from epiplexity_jax.analysis.frontier.procedures import hull_of_envelope


@pytest.mark.parametrize(
    "lengths", [np.ones(4), np.ones((3, 1)), np.ones(3, np.float32), [1.0, 1.0, 1.0]]
)
def test_an_array_of_another_length_rank_or_type_is_refused(lengths):
    time = np.array([1.0, 2.0, 3.0])
    assert hull_of_envelope(time, np.ones(3)).tolist() == [0]
    with pytest.raises(TypeCheckError, match="mdl_bits"):
        hull_of_envelope(time, lengths)
