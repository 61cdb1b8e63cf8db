"""Hashes that name data: a change of one changes run ids of everybody's stores."""

import numpy as np

from epiplexity_jax.base.digest import fingerprint, json_digest


def test_hashes_are_those_of_today_in_every_process():
    assert fingerprint("noise", 4, 0.5, np.arange(3, dtype=np.int32)) == "dfcdf9f3d960516b"
    assert json_digest({"b": [1, None], "a": "é"}) == "8920de3941419361"


def test_each_part_and_its_place_count():
    parts = [("a", 1, 2), ("a", 2, 1), ("b", 1, 2), ("a", 12), ("a", 1.0, 2), ("a", "1", 2)]
    assert len({fingerprint(*each) for each in parts}) == len(parts)
