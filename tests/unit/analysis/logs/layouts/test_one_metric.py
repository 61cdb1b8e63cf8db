import pytest

from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.reading import read_curve
from epiplexity_jax.base.errors import DataError
from tests.unit.analysis.logs.files import PER_STEP, check, pairs

STEPS = Layout(tokens_per_step=PER_STEP)


def mlflow(first=1):
    return "".join(f"1700000000{s:03} {v} {s}\n" for s, v in pairs(first))


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_metric_of_mlflow(tmp_path):
    write(tmp_path, {"loss": mlflow()})
    check(read_curve(tmp_path / "loss", STEPS))


def test_a_run_of_mlflow(tmp_path):
    files = {"metrics/train/loss": mlflow(), "metrics/val_loss": "1700000000999 2.7 40\n"}
    curve = read_curve(write(tmp_path / "mlruns" / "0" / "abc", files), STEPS)
    check(curve)
    assert curve.heldout_nats == 2.7


def test_several_runs_of_mlflow(tmp_path):
    files = {"0/abc/metrics/loss": mlflow(), "0/xyz/metrics/loss": mlflow()}
    with pytest.raises(DataError, match=r"several runs, 0/abc, 0/xyz .*--where 'run=0/abc'"):
        read_curve(write(tmp_path, files), STEPS)
    check(read_curve(tmp_path, Layout(tokens_per_step=PER_STEP, where=("run=0/xyz",))))


def test_a_folder_of_dvclive(tmp_path):
    rows = "".join(f"{s}\t{v}\n" for s, v in pairs(1))
    files = {
        "plots/metrics/train/loss.tsv": "step\tloss\n" + rows,
        "plots/metrics/eval/loss.tsv": "step\tloss\n40\t2.7\n",
        "metrics.json": '{"train": {"loss": 2.9}}',
    }
    curve = read_curve(write(tmp_path / "dvclive", files), STEPS)
    check(curve)
    assert curve.heldout_nats == 2.7


def test_a_line_of_another_kind(tmp_path):
    write(tmp_path, {"loss": mlflow() + "and so on\n"})
    with pytest.raises(DataError, match="line 41: is no time, value and step"):
        read_curve(tmp_path / "loss", STEPS)
