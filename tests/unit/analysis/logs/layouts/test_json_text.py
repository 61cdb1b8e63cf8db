import json

import pytest

from epiplexity_jax.base.errors import DataError
from tests.unit.analysis.logs.files import LOSSES, PER_STEP, VALUES, check, lines_of, pairs, read

ROWS = [{"step": s, "loss": float(v)} for s, v in pairs(1)]


@pytest.mark.parametrize(
    "document",
    [
        ROWS,
        {"history": ROWS, "name": "run", "tags": []},
        {"step": [row["step"] for row in ROWS], "loss": VALUES},
        {
            "step": {str(i): row["step"] for i, row in enumerate(ROWS)},
            "loss": dict(enumerate(VALUES)),
        },
        [{"step": row["step"], "train": {"loss": row["loss"]}} for row in ROWS],
        [[1.0, row["step"], row["loss"]] for row in ROWS],
        {"log_history": [*ROWS, {"step": 40, "train_loss": 3.0, "train_runtime": 9.0}]},
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_documents(tmp_path, document, indent):
    check(read(tmp_path, json.dumps(document, indent=indent), "state.json"))


def test_lines(tmp_path):
    check(read(tmp_path, lines_of(*ROWS)))
    check(
        read(tmp_path, lines_of(*({"step": r["step"], "train": {"loss": r["loss"]}} for r in ROWS)))
    )


def trainer_rows():
    """The case of the reference: means every ten steps, evaluations, a summary at the end."""
    rows = []
    for i in range(1, 21):
        rows.append({"epoch": 0.05 * i, "loss": 5 - 0.1 * i, "step": 10 * i})
        if i % 10 == 0:
            rows.append({"epoch": 0.05 * i, "eval_loss": 4.8 - 0.1 * i, "step": 10 * i})
    return [*rows, {"epoch": 1.0, "step": 200, "train_loss": 3.95, "train_runtime": 50.0}]


def test_a_trainer_state_and_its_lines_read_alike(tmp_path):
    state = {"global_step": 200, "num_input_tokens_seen": 0, "log_history": trainer_rows()}
    curves = [
        read(tmp_path, json.dumps(state, indent=2), "trainer_state.json"),
        read(tmp_path, lines_of(*trainer_rows()), "log_history.jsonl"),
    ]
    for curve in curves:
        assert curve.label_tokens.tolist() == [10 * PER_STEP * i for i in range(1, 21)]
        assert curve.heldout_nats == pytest.approx(2.8)
        assert curve.online_sum_nats == pytest.approx(sum(5 - 0.1 * i for i in range(1, 21)) * 1e4)
        assert curve.notes == ("1 row without a loss left out",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"loss": [4, 3, 2], "val_loss": [1]}', r"differ in length \(loss 3, val_loss 1\)"),
        ('{"vocab_size": 96,\n "width": 64}', "'vocab_size', 'width' and no list of rows"),
        ('{"step": 1, "loss": 4}\n{"step": 2,', "line 2: is not JSON"),
        ("[1, 2, 3]", "without named values"),
    ],
)
def test_documents_without_a_curve(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path, text)


def test_a_history_of_keras_has_no_axis(tmp_path):
    with pytest.raises(ValueError, match="no tokens on its axis"):
        read(tmp_path, json.dumps({"loss": VALUES, "val_loss": VALUES}))
    curve = read(tmp_path, json.dumps({"loss": VALUES, "val_loss": VALUES}), steps_per_row=1)
    check(curve)
    assert curve.heldout_nats == float(LOSSES[-1])
