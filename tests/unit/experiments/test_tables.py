"""Tables of experiments."""

from dataclasses import replace

from epiplexity_jax.experiments.definition import Published, load, names
from epiplexity_jax.experiments.tables import (
    check_table,
    list_table,
    published_table,
    sign_table,
    value_table,
)


def test_the_list_has_a_row_for_every_experiment():
    assert [row[0] for row in list_table(map(load, names())).rows] == names()


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
