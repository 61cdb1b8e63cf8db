import numpy as np
import pytest

from epiplexity_jax.analysis.logs.columns import Columns
from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.positions import epochs, refuse_falling, shifted
from epiplexity_jax.analysis.logs.table import Hints, LogTable
from epiplexity_jax.base.errors import DataError

STEPS = Columns("step", 1.0, True, "loss", None, False, ())
TABLE = LogTable({"step": []}, [])


def batches_done(steps, is_sampled=False, hints=None, **options):
    table = LogTable({"step": []}, [], hints=hints or Hints())
    return shifted(np.array(steps, float), STEPS, Layout(**options), table, is_sampled)


@pytest.mark.parametrize(
    ("steps", "is_sampled", "added"),
    [
        ([0, 1, 2, 3], False, 1),
        ([0, 1, 2, 3], True, 1),
        ([0, 10, 20], True, 1),
        ([0, 10, 20], False, 0),
        ([49, 99, 149], True, 1),
        ([49, 99, 149], False, 1),
        ([9, 19, 39], False, 1),
        ([50, 100, 150], True, 0),
        ([1, 2, 3], False, 0),
        ([1, 11, 21], True, 0),
        ([5, 7, 8], False, 0),
    ],
)
def test_where_steps_begin(steps, is_sampled, added):
    found, said = batches_done(steps, is_sampled)
    assert found.tolist() == [step + added for step in steps]
    assert (said is None) == (added == 0 and steps[0] > 0)


def test_the_option_and_the_layout_decide():
    assert batches_done([1, 2, 3], first_step=0) == (pytest.approx([2, 3, 4]), None)
    assert batches_done([0, 1, 2], first_step=1)[0].tolist() == [0, 1, 2]
    assert batches_done([5, 10], hints=Hints(first_step=0))[0].tolist() == [6, 11]
    assert batches_done([0, 1, 2], hints=Hints(first_step=1))[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("positions", "said"),
    [
        ([1, 2, 3, 2, 3, 4], "from line 4 to line 5 .3 to 2.; where training was resumed"),
        ([1, 2, 3, 1, 2, 3], "the count begins anew there.*several runs.*--keep-last"),
        ([3, 2, 1], "the rows stand in reverse order; sort them"),
        ([1, 1, 2, 2, 3, 3], "several rows have one position, as where each process logs"),
        ([0, 0, 0], "all are 0, so they were never counted"),
        ([7, 7, 7, 7], "a table of several runs with one row each"),
    ],
)
def test_positions_that_do_not_increase(positions, said):
    table = LogTable({"step": positions}, range(2, 2 + len(positions)))
    with pytest.raises(DataError, match=said):
        refuse_falling("x", table, np.arange(len(positions)), np.array(positions, float))


def counted(rows, with_loss=None):
    """Epochs of rows (position, epoch)."""
    positions = np.array([position for position, _ in rows], float)
    table = LogTable({"epoch": [epoch for _, epoch in rows]}, range(len(rows)))
    index = np.arange(len(rows)) if with_loss is None else np.array(with_loss)
    return epochs("x", table, index, positions, "step")


def test_epochs():
    ends = [(0, 0), (50, 1.0), (50, 1.0), (100, 2.0), (100, 2.0), (150, 3.0), (150, 3.0)]
    assert counted(ends, [1, 3, 5]) == 3  # evaluated before and after each
    assert counted([(0, 0), (50, None), (300, 1.0)], [1]) == 1
    assert counted([(1, 0), (2, 0), (3, 1), (4, 1), (5, 2)]) == 3
    assert counted([(1, 1), (2, 1), (3, 2), (4, 2)]) == 2
    assert counted([(1, 0.1), (2, 0.5), (3, 0.98)]) == 0.98
    assert counted([(1, 0), (2, 0), (3, 0)]) == 1
    assert counted([(5, 5), (10, 10), (15, 15)]) == 15
    assert (
        epochs("x", LogTable({"Epoch": [1, 2]}, [1, 2]), np.arange(2), np.arange(2.0), "Epoch")
        is None
    )
