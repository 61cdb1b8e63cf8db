import numpy as np
import pytest

from epiplexity_jax.analysis.logs.floor import floor_of
from epiplexity_jax.analysis.logs.scatter import Level
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.logs.made import FALL, make


def test_a_given_floor_has_no_error():
    floor = floor_of(make(heldout_nats=1.4), 1.2, None)
    assert (floor.origin, floor.nats, floor.level.stderr, floor.said) == ("given", 1.2, None, ())


def test_a_column_goes_before_the_last_rows():
    floor = floor_of(make(heldout_nats=1.4), None, 9)
    assert (floor.origin, floor.nats) == ("column", 1.4)
    assert "no error and no interval" in floor.said[0]
    known = make(heldout_nats=1.4, heldout_level=Level(1.4, stderr=0.01))
    assert "its error of 0.01 nats" in floor_of(known, None, None).said[0]


def test_the_last_rows_are_a_tenth_or_as_many_as_asked_for():
    assert floor_of(make(), None, None).nats == pytest.approx(FALL[-4:].mean())
    assert floor_of(make(), None, 10).nats == pytest.approx(FALL[-10:].mean())
    assert floor_of(make(FALL[:9], np.arange(1, 10) * 9.0), None, None).level.rows == 1


def test_the_note_says_what_it_is():
    noisy = make(2.0 + 0.1 * np.random.default_rng(0).standard_normal(40))
    said = floor_of(noisy, None, 16).said
    assert "mean of the last 16 rows" in said[0]
    assert "by their scatter" in said[0]
    assert "still falls" in " ".join(floor_of(make(), None, 10).said)


@pytest.mark.parametrize("rows", [0, 41])
def test_as_many_rows_as_there_are(rows):
    with pytest.raises(ConfigError, match=r"--floor-rows: must be between 1 and the 40 rows"):
        floor_of(make(), None, rows)
