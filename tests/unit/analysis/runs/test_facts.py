"""Facts of runs from the rows of a store."""

from epiplexity_jax.analysis.runs.facts import RunFacts, facts_of

ROW = {
    "params": 7,
    "flops": "declared",
    "flops_ratio": 1.25,
    "heldout_split": "windows",
    "heldout_verbatim_share": 0.1,
}


def test_facts_come_from_all_rows():
    other = ROW | {"params": 9, "flops_ratio": 1.5, "heldout_verbatim_share": 0.2}
    assert facts_of([ROW, other]) == RunFacts("windows", 0.2, {7: 1.25, 9: 1.5})


def test_splits_that_differ_have_no_name():
    assert facts_of([ROW, ROW | {"heldout_split": "documents"}]).heldout_split is None


def test_a_compiled_count_has_no_ratio():
    assert facts_of([ROW | {"flops": "compiled"}]).flops_ratios == {}


def test_older_rows_lack_columns():
    assert facts_of([{"params": 7}]) == RunFacts(None, None, {})
