"""The one-way map's checks: on values of a bounded reader, and on ones that break each of them."""

import numpy as np
import pytest

from epiplexity_jax.experiments.phenomena.one_way_map import NO_LOOK_AHEAD, read
from tests.unit.experiments.fake import FakeMeasured, around, outcome, outcomes

CELLS = (8, 12, 16)


def measured(forward=lambda n: n * 1.005, gap=lambda n: 0.1 * n, steps=2):
    data = {f"forward{n}": around(forward(n)) for n in CELLS}
    data |= {f"reverse{n}": around(forward(n) + gap(n)) for n in CELLS}
    config = {"sources": {name: {"steps": steps} for name in data}}
    return FakeMeasured(data, {name: around(500.0, 5.0) for name in data}, config=config)


def test_all_hold_for_a_bounded_reader():
    found = read(measured())
    assert set(outcomes(found).values()) == {True}
    assert len(found.checks) == 3 + 2 + 3 + 3 + 2
    gaps = {v.x: v for v in found.values if v.name.startswith("gap")}
    assert [gaps[n].oracle for n in CELLS] == [NO_LOOK_AHEAD[n, 2] for n in CELLS]


def test_without_a_gap_the_sign_fails_or_is_open():
    found = read(measured(gap=lambda n: 0.0))
    assert outcome(found, "n = 16: Y then X costs more") is None
    assert outcome(found, "n = 16: the two-part codes") is None
    found = read(measured(gap=lambda n: -0.1 * n))
    assert outcome(found, "n = 16: Y then X costs more") is False
    assert outcome(found, "n = 16: the gap is between") is False


def test_a_gap_above_that_without_look_ahead_fails_its_oracle():
    assert outcome(read(measured(gap=lambda n: n)), "n = 12: the gap is between") is False


def test_the_gap_must_grow_from_more_cells_than_can_be_memorised():
    found = read(measured(gap=lambda n: {8: 0.1, 12: 1.5, 16: 1.5}[n]))
    assert outcome(found, "16 cells against 8") is True
    assert outcome(found, "16 cells against 12") is None
    found = read(measured(gap=lambda n: {8: 0.1, 12: 2.0, 16: 1.5}[n]))
    assert outcome(found, "16 cells against 12") is False


def test_of_one_ring_alone_no_growth_is_asked():
    one = measured()
    one.sources = ["forward8", "reverse8"]
    assert not any("grows" in statement for statement in outcomes(read(one)))


def test_an_order_that_was_not_learnt_is_not_compared():
    found = read(measured(forward=lambda n: 1.2 * n))
    assert set(outcomes(found).values()) == {False}
    assert all("is learnt" in check.expected for check in found.checks)
    assert found.checks[0].found.startswith("no comparison; Y then X ")
    assert " against X then Y 9.6 ±" in found.checks[0].found


def test_the_bound_is_that_of_the_configs_steps():
    found = read(measured(steps=8))
    assert {v.x: v.oracle for v in found.values if v.name.startswith("gap")} == {
        **{8: None, 12: None},
        16: NO_LOOK_AHEAD[16, 8],
    }


@pytest.mark.parametrize(("cells", "steps"), [(8, 2), (12, 2)])
def test_the_bound_is_what_a_reader_without_look_ahead_pays(cells, steps):
    """Entropies of all states, counted: H(Y) + sum of H(X_i | X_<i, Y_<=i) - n."""
    x = (np.arange(2**cells)[:, None] >> np.arange(cells)) & 1
    y = x
    for _ in range(steps):
        y = 30 >> (4 * np.roll(y, 1, 1) + 2 * y + np.roll(y, -1, 1)) & 1
    bits = entropy(y)
    for i in range(cells):
        seen = y[:, : i + 1]
        known, more = (np.hstack([x[:, : i + n], seen]) for n in (0, 1))
        bits += entropy(more) - entropy(known)
    assert bits - cells == pytest.approx(NO_LOOK_AHEAD[cells, steps], abs=1e-4)


def entropy(rows):
    _, counts = np.unique(rows, axis=0, return_counts=True)
    shares = counts / counts.sum()
    return -(shares * np.log2(shares)).sum()
