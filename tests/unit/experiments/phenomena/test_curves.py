"""Values over budgets: names, places and units."""

import pytest

from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.phenomena.curves import add_curves, part_of, shared_budgets
from tests.unit.experiments.fake import SEQUENCES, FakeMeasured, around, decomposed


def answer(source, compute):
    return decomposed(source, compute, around(10.0, 1.0), around(2.0 * SEQUENCES, 4.0), 1e4)


MEASURED = FakeMeasured(counts={"a": 10.0, "b": 10.0}, answer=answer)


def test_budgets_are_log_spaced_up_to_what_all_reach():
    assert shared_budgets(MEASURED, 4) == pytest.approx([1e9, 1e10, 1e11, 1e12])


def test_published_budgets_are_added_where_all_reach_them():
    found = shared_budgets(MEASURED, 2, (5e8, 1e10, 1e13))
    assert found == pytest.approx([1e9, 1e10, 1e12])


def test_no_two_budgets_have_one_name():
    """Values are named by their budgets; a published one stays, the spaced one beside it goes."""
    close = 1.00001e10
    found = shared_budgets(MEASURED, 4, (close,))
    assert found == pytest.approx([1e9, close, 1e11, 1e12])
    assert close in found


def test_parts_are_per_sequence_where_asked():
    one = answer("a", 1e9)
    assert part_of(one, "epiplexity") == around(10.0, 1.0)
    assert part_of(one, "entropy", SEQUENCES).value == 2.0
    assert part_of(one, "entropy", SEQUENCES).high == pytest.approx(2.0 + 4.0 / SEQUENCES)


def test_every_source_has_a_point_at_every_budget():
    found = Findings("T", log_x=True)
    units = {"epiplexity": "bits", "entropy": "bits per game"}
    add_curves(found, MEASURED, {"a": "first", "b": "second"}, [1e9, 1e12], units)
    assert len(found.values) == 2 * 2 * 2
    value = next(v for v in found.values if v.name == "H second at 1e12")
    assert (value.estimate.value, value.unit, value.x) == (2.0, "bits per game", 1e12)
    assert value.series == "second"
