import math

import numpy as np
import pytest

from epiplexity_jax.analysis.logs.table import MISSING, LogTable, is_missing
from epiplexity_jax.base.errors import DataError


def table(*cells):
    return LogTable({"loss": list(cells)}, range(2, 2 + len(cells)))


def test_numbers_in_any_spelling():
    assert table(" 1.5", 2, 1e-3, "3E0").numbers("x", "loss").tolist() == [1.5, 2.0, 1e-3, 3.0]
    assert table("inf", 10**400).numbers("x", "loss").tolist() == [math.inf, math.inf]


@pytest.mark.parametrize("word", [*sorted(MISSING), "NaN", "None", "N/A", " null ", None, math.nan])
def test_words_for_missing_values(word):
    assert is_missing(word)
    found = table("1", word).numbers("x", "loss")
    assert np.isnan(found[1])
    assert table("1", word).present("loss").tolist() == [True, False]


@pytest.mark.parametrize("cell", ["abc", True, [1], "1.2.3"])
def test_what_is_no_number(cell):
    with pytest.raises(DataError, match=r"x: line 3: .* in 'loss' is not a number"):
        table("1", cell).numbers("x", "loss")


def test_strict_rows_have_numbers():
    lenient, strict = np.array([False, False]), np.array([False, True])
    assert np.isnan(table("1", "nan").numbers("x", "loss", lenient)[1])
    with pytest.raises(DataError, match="x: line 3: loss nan is not finite; did training diverge"):
        table("1", "nan").numbers("x", "loss", strict)
    with pytest.raises(DataError, match="line 3: 'NA' in 'loss' is not a number"):
        table("1", "NA").numbers("x", "loss", strict)
    assert np.isnan(table("1", "").numbers("x", "loss", strict)[1])


def test_rows_that_are_kept_keep_their_lines():
    kept = table("1", "2", "3").where(np.array([True, False, True]))
    assert (kept.columns["loss"], list(kept.lines), kept.at(1)) == (["1", "3"], [2, 4], "line 4")


def test_columns_of_rows_that_differ():
    made = LogTable.of_rows([(1, {"a": 1}), (5, {"b": 2})], place="record", layout="JSON")
    assert made.columns == {"a": [1, None], "b": [None, 2]}
    assert (made.at(1), len(made), made.names) == ("record 5", 2, ["a", "b"])
