"""Tables of experiments."""

from dataclasses import replace

from epiplexity_jax.experiments.definition import Published, load, names
from epiplexity_jax.experiments.tables import (
    check_table,
    list_table,
    missing_table,
    published_table,
    sign_table,
    value_table,
)


def test_the_list_has_a_row_for_every_experiment():
    assert [row[0] for row in list_table(map(load, names())).rows] == names()


def test_the_list_and_the_missing_ones_say_what_the_user_brings():
    rows = {row[0]: row for row in list_table(map(load, names())).rows}
    assert rows["chess"][-1] == "lichess"
    assert rows["natural"][-1].startswith("openwebtext (paper), ")
    assert rows["rule_order"][-1] == ""
    chess, rule = missing_table([load("chess"), load("rule_order")]).rows
    assert chess[-1].startswith("`lichess`: download a month")
    assert rule[-1] == ""


def test_published_values_stand_alone_where_there_is_no_result(smoke):
    _, result = smoke
    chess = load("chess")
    rows = published_table([result], [chess]).rows
    alone = rows[len(result.experiment.published) :]
    assert [row[1] for row in alone] == [one.quantity for one in chess.published]
    assert {row[3] for row in alone} == {"no committed result"}


def test_checks_and_values_have_a_row_each(smoke):
    _, result = smoke
    assert len(check_table(result.findings.checks).rows) == len(result.findings.checks)
    assert len(value_table(result.findings).rows) == len(result.findings.values)


def test_published_values_stand_beside_ours(smoke):
    _, result = smoke
    value = result.findings.values[0]
    pair = (
        Published(quantity="a", value="7 bits", ours=value.name),
        Published(quantity="b", value="8 bits", ours="nothing"),
    )
    changed = replace(result, experiment=result.experiment.model_copy(update={"published": pair}))
    first, second = published_table([changed]).rows
    assert first[2:5] == ("7 bits", str(value.estimate), value.unit)
    assert second[3] == "not comparable at this size"


def test_signs_are_counted(smoke):
    _, result = smoke
    ((*_, holds, fails, unsure),) = sign_table([result]).rows
    assert int(holds) + int(fails) + int(unsure) == len(result.findings.checks)
    assert int(fails) == len(result.findings.failed)
