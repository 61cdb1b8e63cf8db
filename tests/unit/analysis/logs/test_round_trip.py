"""A run of our own, exported to the layout of each program, and read back."""

import csv
import io
import json

import numpy as np
import pytest

from epiplexity_jax import coding
from epiplexity_jax.analysis import curve_from, score
from epiplexity_jax.analysis.logs.estimate import estimate
from epiplexity_jax.analysis.logs.export import curve_csv
from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.reading import read_curve
from epiplexity_jax.store import StoredRun
from epiplexity_jax.trackers.jsonl import Jsonl, open_jsonl
from epiplexity_jax.trackers.spec import Series
from epiplexity_jax.trackers.tensorboard import Tensorboard, open_tensorboard
from tests.unit.analysis.logs.layouts.events import write_tensors
from tests.unit.analysis.logs.layouts.test_parquet import parquet
from tests.unit.store.stored import make_history, make_row

PER_STEP = 128
TEST_TOKENS = 1e6


@pytest.fixture(scope="module")
def run():
    history = make_history(points=8)
    losses = coding.interpolate_sum(history["step"], history["heldout_raw_loss_nats"])
    return StoredRun(make_row("abc"), history | {"online_loss_sum_nats": losses * PER_STEP})


@pytest.fixture(scope="module")
def rows(run):
    """Record points as (step, loss, held-out loss), means in nats."""
    table = csv.DictReader(io.StringIO(curve_csv(run)))
    return [(int(r["step"]), float(r["loss_nats"]), float(r["heldout_loss_nats"])) for r in table]


def table_of(rows, *names, delimiter=","):
    lines = [delimiter.join(names)] + [delimiter.join(map(repr, row)) for row in rows]
    return "\n".join(lines)


def trainer(rows):
    history = []
    for step, loss, heldout in rows:
        history += [{"step": step, "loss": loss}, {"step": step, "eval_loss": heldout}]
    return [*history, {"step": rows[-1][0], "train_loss": 9.0}]


def long_of(rows, header, form):
    kinds = [(s, "train/loss", a) for s, a, _ in rows] + [(s, "eval/loss", b) for s, _, b in rows]
    return "\n".join([header, *(form.format(step=s, name=k, value=repr(v)) for s, k, v in kinds)])


def panel(rows):
    names = [f"calm-1 - {name}{end}" for name in ("loss", "val_loss") for end in ("", "__MIN")]
    return table_of([(s, a, a, b, b) for s, a, b in rows], "Step", *names)


LAYOUTS = {
    "csv": lambda rows: table_of(rows, "step", "loss", "val_loss"),
    "tsv": lambda rows: table_of(rows, "step", "loss", "val_loss", delimiter="\t"),
    "blanks": lambda rows: table_of(rows, "iter", "train/lm_loss", "dev_loss", delimiter="  "),
    "lightning": lambda rows: table_of(
        [(s - 1, a, b) for s, a, b in rows], "step", "train_loss_step", "val_loss"
    ),
    "jsonl": lambda rows: "\n".join(json.dumps(entry) for entry in trainer(rows)),
    "trainer_state": lambda rows: json.dumps({"log_history": trainer(rows)}, indent=2),
    "records": lambda rows: json.dumps(
        [{"step": s, "loss": a, "eval_loss": b} for s, a, b in rows]
    ),
    "columns": lambda rows: json.dumps(
        dict(zip(("step", "loss", "val_loss"), zip(*rows, strict=True), strict=True))
    ),
    "epiplexity": lambda rows: json.dumps(
        {
            "tokens": [s * PER_STEP for s, _, _ in rows],
            "losses": [a for _, a, _ in rows],
            "loss_unit": "nats",
            "final_loss": rows[-1][2],
        }
    ),
    "mlflow": lambda rows: long_of(rows, "Run,metric,step,value", "owl-1,{name},{step},{value}"),
    "comet": lambda rows: json.dumps(
        [{"metricName": "train/loss", "metricValue": repr(a), "step": s} for s, a, _ in rows]
        + [{"metricName": "eval/loss", "metricValue": repr(b), "step": s} for s, _, b in rows]
    ),
    "comet chart": lambda rows: long_of(rows, "x,name,y", "{step},{name},{value}"),
    "comet curves": lambda rows: json.dumps(
        [
            {"x": [s for s, _, _ in rows], "y": [row[i] for row in rows], "name": name}
            for i, name in ((1, "train/loss"), (2, "eval/loss"))
        ]
    ),
    "wandb panel": panel,
    "megatron": lambda rows: "\n".join(
        f" iteration {s:8}/ 40 | consumed samples: {s} | lm loss: {a!r} | loss scale: 1.0 |\n"
        f" validation loss at iteration {s} | lm loss value: {b!r} | lm loss PPL: 1.4E+01 |"
        for s, a, b in rows
    ),
    "parquet": lambda rows: parquet(
        dict(zip(("step", "loss", "val_loss"), zip(*rows, strict=True), strict=True))
    ),
}
BITS = float(np.log(2.0))
# Logs of training programs: a line of the loss and one of the held-out loss.
TEXTS = {
    "nanogpt": "iter {s}: loss {a!r}, time 1ms, mfu 1%\nstep {s}: train loss 1.0, val loss {b!r}\n",
    "build-nanogpt": "{s} train {a!r}\n{s} val {b!r}\n",
    "llm.c": "s:{s} trl:{a!r} lr:0.1\ns:{s} tel:{b!r}\n",
    "modded-nanogpt": "step:{s}/9 train_loss:{a!r} x\nstep:{s}/9 val_loss:{b!r} train_time:1ms\n",
    "fairseq": "| train_inner | loss={a2!r}, ppl=2, num_updates={s}, lr=1\n"
    "| valid on 'valid' subset | loss {b2!r} | ppl 13 | num_updates {s}\n",
    "maxtext": "completed step: {s}, seconds: 2.5, loss: {a!r}\n"
    "eval metrics after step: {s}, loss={b!r}, total_weights=1\n",
    "torchtune": "Step {s} | loss:{a!r} lr:2e-05\nStep {s} | val_loss:{b!r}\n",
    "litgpt": "Epoch 1 | iter 1 step {s} | loss train: {a!r}, val: {b!r} | x: 5 ms (step)\n",
    "any other": "step {s} loss {a!r} val_loss {b!r}\n",
}
LAYOUTS |= {
    name: lambda rows, form=form: "".join(
        form.format(s=s, a=a, b=b, a2=a / BITS, b2=b / BITS) for s, a, b in rows
    )
    for name, form in TEXTS.items()
}
OPTIONS = {"lightning": {"first_step": 0}} | dict.fromkeys(
    TEXTS, {"sampled": False, "first_step": 1}
)
BARE = {"epiplexity"}


def check(curve, run, rel=1e-9):
    """Assert that a curve gives the run's own estimate."""
    own = score(curve_from(run), TEST_TOKENS, "online", "ema")
    found = estimate(
        curve, params=run.row["params"], test_tokens=TEST_TOKENS, vocab_size=96
    ).decomposition
    assert found.epiplexity_bits == pytest.approx(own.model_bits[-1], rel=rel)
    assert found.entropy_bits == pytest.approx(own.data_bits[-1], rel=rel)
    assert found.compute_flops == pytest.approx(own.time_flops[-1], rel=rel)


def layout_for(run, name="", **options):
    ratio = run.history["train_tokens"][-1] / run.history["label_tokens"][-1]
    step = {} if name in BARE else {"tokens_per_step": PER_STEP}
    return Layout(inputs_per_label=ratio - 1, **step, **OPTIONS.get(name, {}), **options)


@pytest.mark.parametrize("name", LAYOUTS)
def test_files(tmp_path, run, rows, name):
    made = LAYOUTS[name](rows)
    path = tmp_path / "file"
    path.write_bytes(made if isinstance(made, bytes) else made.encode())
    check(read_curve(path, layout_for(run, name)), run)


def series_of(run):
    return Series("abc", "text w16", "group", {"source": "text"})


def values_of(rows):
    bits = np.log(2.0)
    return [(s, {"online_loss_bits": a / bits, "heldout_loss_bits": b / bits}) for s, a, b in rows]


@pytest.mark.parametrize("kind", ["jsonl", "tensorboard"])
def test_our_own_trackers(tmp_path, run, rows, kind):
    sink = open_jsonl(Jsonl()) if kind == "jsonl" else open_tensorboard(Tensorboard())
    sink.start(tmp_path)
    for step, values in values_of(rows):
        sink.log(series_of(run), step, values)
    sink.finish(series_of(run), {"status": "finished"})
    sink.close()
    path = tmp_path / ("metrics.jsonl" if kind == "jsonl" else "tensorboard")
    check(read_curve(path, layout_for(run)), run, rel=1e-9 if kind == "jsonl" else 1e-6)


def test_event_files_of_doubles(tmp_path, run, rows):
    write_tensors(tmp_path, [(s, {"train/loss": a, "eval/loss": b}) for s, a, b in rows])
    check(read_curve(tmp_path, layout_for(run)), run)


def test_one_metric_a_file(tmp_path, run, rows):
    for name, at in (("train_loss", 1), ("val_loss", 2)):
        (tmp_path / "metrics").mkdir(exist_ok=True)
        lines = "".join(f"1700000000000 {row[at]!r} {row[0]}\n" for row in rows)
        (tmp_path / "metrics" / name).write_text(lines)
    check(read_curve(tmp_path, layout_for(run)), run)
