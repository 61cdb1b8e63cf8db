"""Tables of experiments."""

from dataclasses import replace
from pathlib import Path

import pytest

from epiplexity_jax.experiments.definition import Needed, Published, load, names
from epiplexity_jax.experiments.perform import read_result
from epiplexity_jax.experiments.tables import (
    by_experiment,
    check_table,
    list_table,
    missing_table,
    published_table,
    sign_table,
    value_table,
)

COMMITTED = sorted((Path(__file__).parents[3] / "benchmarks/results/experiments").glob("*.json"))


def test_the_list_has_a_row_for_every_experiment():
    assert [row[0] for row in list_table(map(load, names())).rows] == names()


def test_the_list_and_the_missing_ones_say_what_the_user_brings():
    rows = {row[0]: row for row in list_table(map(load, names())).rows}
    assert rows["chess"][-1] == "lichess (paper)"
    assert rows["natural"][-1].startswith("openwebtext (paper), ")
    assert rows["rule_order"][-1] == ""
    brought = Needed(path="games", what="download games")
    one = load("chess").model_copy(update={"needs": (brought,)})
    mine, chess, rule = missing_table([one, load("chess"), load("rule_order")]).rows
    assert mine[-1] == "`games`: download games."
    assert (chess[-1], rule[-1]) == ("", "")


def test_published_values_stand_alone_where_there_is_no_result(smoke):
    _, result = smoke
    chess = load("chess")
    rows = published_table([result], [chess]).rows
    alone = rows[len(result.experiment.published) :]
    assert [row[1] for row in alone] == [one.quantity for one in chess.published]
    assert {row[3] for row in alone} == {"no committed result"}
    assert alone[0][4:6] == ("H is greater where the board comes first", "")
    assert alone[2][4:6] == ("", "")


def test_checks_and_values_have_a_row_each(smoke):
    _, result = smoke
    assert len(check_table(result.findings.checks).rows) == len(result.findings.checks)
    assert len(value_table(result.findings).rows) == len(result.findings.values)


def shown(result, *published):
    """Rows of the table for some published values."""
    changed = result.experiment.model_copy(update={"published": published})
    return published_table([replace(result, experiment=changed)]).rows


def test_published_values_stand_beside_ours(smoke):
    _, result = smoke
    value, check = result.findings.values[0], result.findings.checks[0]
    first, second, third, fourth, fifth = shown(
        result,
        Published(quantity="a", value="7 bits", ours=value.name, sign=check.expected[:9] + "*"),
        Published(quantity="b", value="8 bits", ours="nothing", sign="nothing"),
        Published(quantity="c", value="9 bits", ours="x", sizes=("paper",), small=value.name),
        Published(quantity="d", value="1 bit", ours="x", sizes=("paper",), sign="* it rises"),
        Published(quantity="e", value="1 bit", ours="x", sizes=("paper",), sign="it rises *"),
    )
    assert first[2:4] == ("7 bits", f"{value.estimate} {value.unit}")
    assert first[4:6] == (check.expected, f"{check.word}: {check.found}")
    assert second[3:6] == ("", "", "")
    assert third[3] == f"({value.estimate} {value.unit}: {value.name}, size smoke)"
    assert fourth[4:6] == ("it rises", "not asked at size smoke")
    assert fifth[4:6] == ("", "not asked at size smoke")


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_every_published_value_has_its_sign_and_ours_in_the_committed_result(path):
    result = read_result(path)
    for one, row in zip(result.experiment.published, published_table([result]).rows, strict=True):
        assert bool(row[4]) == bool(one.sign), one.quantity
        assert bool(row[3]) == bool(one.small or result.size in one.sizes and one.ours)


def test_the_published_size_has_columns_of_its_own(smoke, paper):
    value, check = paper.findings.values[0], paper.findings.checks[0]
    of = Published(quantity="a", value="7 bits", ours=value.name, sizes=("paper",), sign="at some*")
    _, result = smoke
    one = result.experiment.model_copy(update={"published": (of,)})
    small, paper = (replace(each, experiment=one) for each in (result, paper))
    table = published_table([paper, small], [load("chess")])
    assert [column.name for column in table.columns] == [
        *("figure", "quantity", "published", "ours at `smoke`", "ours at `paper`"),
        *("sign expected", "sign found at `smoke`", "sign found at `paper`", "note"),
    ]
    found = f"{check.word}: {check.found}"
    exact = f"{value.estimate} {value.unit}"
    assert table.rows[0][3:8] == ("", exact, check.expected, found, found)
    assert table.rows[1][3:5] == ("no committed result", "")
    assert published_table([paper]).rows[0][3:8] == ("", exact, check.expected, "", found)
    assert len(published_table([small]).columns) == 7


def test_a_statement_of_the_published_size_that_differs_stands_before_its_outcome(smoke, paper):
    _, result = smoke
    of = Published(quantity="a", value="7 bits", ours="x", sign="*S of rule 54 is above*")
    one = result.experiment.model_copy(update={"published": (of,)})
    (old,) = [c for c in paper.findings.checks if "S of rule 54 is above" in c.expected]
    new = replace(old, expected="at 1e17 FLOPs S of rule 54 is above that of rule 15", holds=True)
    found = replace(paper.findings, checks=[new])
    large = replace(paper, experiment=one, findings=found)
    (row,) = published_table([replace(result, experiment=one), large]).rows
    outcome = f"{new.expected}: holds: {new.found}"
    assert row[5:8] == (old.expected, f"{old.word}: {old.found}", outcome)


def test_results_are_grouped_with_the_small_size_first(smoke, paper):
    _, result = smoke
    small = replace(result, size="small")
    grouped = by_experiment([result, paper, small, read_result(COMMITTED[0])])
    assert list(grouped) == ["rule_order", COMMITTED[0].stem]
    assert list(grouped["rule_order"]) == ["small", "paper", "smoke"]


def test_signs_are_counted(smoke):
    _, result = smoke
    ((*_, holds, fails, unsure, changed),) = sign_table([result]).rows
    assert changed == "yes"
    assert int(holds) + int(fails) + int(unsure) == len(result.findings.checks)
    assert int(fails) == len(result.findings.failed)
