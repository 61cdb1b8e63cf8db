import json

import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from tests.unit.analysis.logs.files import VALUES, check, pairs, read


def chart(*names, header="x,y,name", first=1):
    rows = [f"{s},{v},{name}" for name in names for s, v in pairs(first)]
    return "\n".join([header, *rows])


def traces(*names):
    steps = [step for step, _ in pairs(1)]
    return [{"x": steps, "y": VALUES, "name": n, "mode": "lines", "line": {}} for n in names]


@pytest.mark.parametrize(
    "text",
    [
        chart("night-owl"),
        chart("night-owl", header="X,Y,Name"),
        chart("night-owl", first=0),
        json.dumps(traces("night-owl")),
        json.dumps({"data": traces("night-owl"), "layout": {"title": "loss"}}),
    ],
)
def test_x_and_y_are_steps_and_losses(tmp_path, text):
    curve = read(tmp_path, text)
    check(curve)
    assert any("as a chart names neither" in note for note in curve.notes)


@pytest.mark.parametrize("text", [chart("owl", "fox"), json.dumps(traces("owl", "fox"))])
def test_several_runs_are_named_and_chosen(tmp_path, text):
    with pytest.raises(DataError, match=r"several runs, owl, fox in column 'name'.*'name=owl'"):
        read(tmp_path, text)
    check(read(tmp_path, text, where=("name=fox",)))


def test_curves_that_are_named_as_losses_are_columns(tmp_path):
    curve = read(tmp_path, chart("train_loss", "val_loss"))
    check(curve)
    assert curve.heldout_nats == VALUES[-1]
    assert curve.notes == ("'x' is taken for steps, as a chart names neither",)


def test_options_name_what_x_and_y_are(tmp_path):
    check(read(tmp_path, chart("owl"), step_column="x", loss_column="y"))
    tokens = "x,y\n" + "".join(f"{1000 * s},{v}\n" for s, v in pairs(1))
    check(read(tmp_path, tokens, tokens_column="x", tokens_per_step=None))


@pytest.mark.parametrize("x", ["0.5", "1700000000000", "2026-01-01"])
def test_other_axes_are_no_steps(tmp_path, x):
    text = "\n".join(["x,y,name", *(f"{x},{v},owl" for _, v in pairs())])
    with pytest.raises(ConfigError, match="has 'x', 'y', 'name', no tokens on its axis"):
        read(tmp_path, text)


def test_a_table_that_names_its_losses_is_no_chart(tmp_path):
    text = "\n".join(["x,y,step,loss", *(f"7,8,{s},{v}" for s, v in pairs(1))])
    curve = read(tmp_path, text)
    check(curve)
    assert curve.notes == ()
