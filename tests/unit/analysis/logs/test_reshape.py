import pytest

from epiplexity_jax.analysis.logs.reshape import refuse_several_runs, select, wide
from epiplexity_jax.analysis.logs.table import LogTable
from epiplexity_jax.base.errors import ConfigError, DataError
from tests.unit.analysis.logs.files import check, lines_of, pairs, read

PANEL = '"Step","calm-1 - train/loss","calm-1 - train/loss__MIN","calm-1 - train/loss__MAX"\n'
PANEL += "".join(f'"{s}","{v}","{v}","{v}"\n' for s, v in pairs())
TWO = PANEL.replace('__MAX"\n', '__MAX","old-4 - train/loss","old-4 - train/loss__MIN"\n', 1)
TWO = "\n".join(line + ',"3.1","3.0"' * (i > 0) for i, line in enumerate(TWO.splitlines()))


def long_table(runs=("owl-1",), metrics=("loss",), header="Run,metric,step,timestamp,value"):
    rows = [f"{run},{metric},{s},17,{v}" for run in runs for metric in metrics for s, v in pairs(1)]
    return "\n".join([header, *rows])


def test_a_panel_of_one_run(tmp_path):
    check(read(tmp_path, PANEL))


def test_a_panel_of_two_runs_names_them_without_extremes(tmp_path):
    with pytest.raises(DataError, match=r"several runs, calm-1, old-4 .*--where 'Run=calm-1'"):
        read(tmp_path, TWO)
    check(read(tmp_path, TWO, where=("Run=calm-1",)))


def test_a_long_table(tmp_path):
    check(read(tmp_path, long_table()))
    check(read(tmp_path, long_table(metrics=("lr", "loss"))))
    check(read(tmp_path, long_table(header="experiment,metricName,step,time,metricValue")))
    check(read(tmp_path, long_table(), loss_column="value"))


def test_a_long_table_of_two_runs(tmp_path):
    text = long_table(runs=("owl-1", "owl-2"))
    with pytest.raises(DataError, match=r"several runs, owl-1, owl-2 in column 'Run'; pick one"):
        read(tmp_path, text)
    check(read(tmp_path, text, where=("Run=owl-2",)))
    with pytest.raises(DataError, match="several runs, owl-1, owl-2"):
        read(tmp_path, text, loss_column="value")
    check(read(tmp_path, text, loss_column="value", where=("Run=owl-2",)))


def test_a_value_column_of_several_metrics_names_one(tmp_path):
    text = long_table(metrics=("loss", "lr"))
    with pytest.raises(DataError, match=r"several metrics, loss, lr .*--where 'metric=loss'"):
        read(tmp_path, text, loss_column="value")
    check(read(tmp_path, text, loss_column="value", where=("metric=loss",)))


def test_our_own_tracker(tmp_path):
    rows = []
    for run in ("ab12", "cd34"):
        rows.append({"id": run, "event": "start", "name": f"text {run}", "config": {"seed": 0}})
        rows += [
            {
                "id": run,
                "event": "log",
                "step": s,
                "online_loss_bits": float(v) / 0.6931471805599453,
            }
            for s, v in pairs(1)
        ]
        rows.append({"id": run, "event": "end", "status": "finished", "model_bits": 5.0})
    with pytest.raises(DataError, match=r"several runs, text ab12, text cd34 in column 'run'"):
        read(tmp_path, lines_of(*rows), "metrics.jsonl")
    check(read(tmp_path, lines_of(*rows), "metrics.jsonl", where=("run=text cd34",)))
    check(read(tmp_path, lines_of(*rows), "metrics.jsonl", where=("id=ab12",)))


def table(**columns):
    return LogTable(columns, range(len(next(iter(columns.values())))))


def test_conditions():
    made = table(run=["a", "b", "a"], seed=[1, 1, 2.0], loss=[3, 2, 1])
    assert select("x", made, ["run=a"]).columns["loss"] == [3, 1]
    assert select("x", made, ["run=a", "seed=2"]).columns["loss"] == [1]
    assert select("x", made, []) is made


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("run", "--where: expected COLUMN=VALUE, got 'run'"),
        ("name=a", "--where: x has no column 'name', only 'run', 'loss'"),
        ("run=c", "--where: no row of x has 'c' in 'run', which holds a, b"),
    ],
)
def test_conditions_that_choose_nothing(condition, said):
    with pytest.raises(ConfigError, match=said):
        select("x", table(run=["a", "b"], loss=[1, 2]), [condition])


def test_names_that_change_with_each_row_are_no_runs():
    made = table(id=["1", "2", "3", "4"], name=["a", "a", "a", "a"], loss=[4, 3, 2, 1])
    refuse_several_runs("x", made, range(4), {"loss"})


def test_a_plain_table_stays_as_it_is():
    made = table(step=[1, 2], loss=[2, 1], name=["a", "a"], value=[1, 1])
    assert wide(made, set()) is made
