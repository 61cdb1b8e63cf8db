import json

import pytest

from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.reading import read_curve
from epiplexity_jax.base.errors import DataError
from tests.unit.analysis.logs.files import PER_STEP, check, csv_text, pairs

STEPS = Layout(tokens_per_step=PER_STEP)


def test_the_one_log_of_a_folder(tmp_path):
    (tmp_path / "metrics.csv").write_text(csv_text(first=1))
    (tmp_path / "hparams.yaml").write_text("lr: 0.1\n")
    curve = read_curve(tmp_path, STEPS)
    check(curve)
    assert "read from metrics.csv" in curve.notes


def test_the_last_checkpoint_of_a_trainer(tmp_path):
    for step in (9, 40, 20):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        rows = [{"step": s, "loss": float(v)} for s, v in pairs(1)][:step]
        (folder / "trainer_state.json").write_text(json.dumps({"log_history": rows}))
    check(read_curve(tmp_path, STEPS))


def test_the_version_of_lightning(tmp_path):
    folder = tmp_path / "lightning_logs" / "version_0"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text(csv_text("step,train_loss_step", first=1))
    check(read_curve(tmp_path, STEPS))
    (tmp_path / "lightning_logs" / "version_1").mkdir()
    (tmp_path / "lightning_logs" / "version_1" / "metrics.csv").write_text(csv_text())
    with pytest.raises(DataError, match=r"holds several logs .*version_0.*version_1"):
        read_curve(tmp_path, STEPS)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "without a log that is known .it is empty."),
        (["a.bin"], "without a log that is known .a.bin."),
        (["metrics.csv", "trainer_state.json"], "several logs .trainer_state.json, metrics.csv."),
        (["runs.parquet", "sweep.yaml"], "is a store of runs; .*--export-curve"),
    ],
)
def test_folders_without_one_log(tmp_path, files, said):
    for name in files:
        (tmp_path / name).write_text("x\n")
    with pytest.raises(DataError, match=said):
        read_curve(tmp_path, STEPS)
