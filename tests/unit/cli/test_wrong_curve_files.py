"""Wrong files of new users through the command `curve`."""

import gzip
import json

import pytest

from tests.unit.cli.curve_texts import LOSSES, SIZES, STEPS, by_steps, said, table

GOOD = table(by_steps())
WRONG = {
    "lfs": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 7\n",
        [],
        "git lfs pull",
    ),
    "web page": (b"<!DOCTYPE html>\n<html>step,loss</html>", [], "is a web page and not the file"),
    "zip": (b"PK\x03\x04 metrics.csv", [], "is a ZIP archive"),
    "cut off gz": (gzip.compress(GOOD.encode())[:-4], [], "is no whole gz file"),
    "empty": (b"\n\n", [], "is empty"),
    "picture": (b"\x89PNG\r\n\x1a\n\x00", [], "is a picture"),
    "header alone": (b"step,loss\n", [], "has a header and no rows"),
    "no header": (table(by_steps(), "").lstrip().encode(), [], "a header that names the columns"),
    "one run a row": (
        table(
            [("a", 5000, 1.0), ("b", 5000, 1.1), ("c", 5000, 1.2)], "Name,iter,train/loss"
        ).encode(),
        [],
        "is a table of runs, one a row by 'Name', with last values only",
    ),
    "epochs": (table(by_steps(), "epoch,loss").encode(), [], "'epoch' and no tokens on its axis"),
    "wall time": (table(by_steps(), "wall_time,loss").encode(), [], "no tokens on its axis"),
    "accuracy": (table(by_steps(), "step,accuracy").encode(), [], "--loss-column: no column"),
    "perplexity": (table(by_steps(), "step,perplexity").encode(), [], "--loss-column: no column"),
    "reward": (
        table([(s, -loss) for s, loss in by_steps()]).encode(),
        [],
        "line 2: loss -5 is negative, so no log loss",
    ),
    "diverged": (
        table([*by_steps()[:20], (21, "nan"), (22, "nan")]).encode(),
        [],
        "line 22: loss nan is not finite; did training diverge there?",
    ),
    "billions of tokens": (
        table([(0.001 * s, loss) for s, loss in by_steps()], "tokens,loss").encode(),
        SIZES,
        "is no whole number; count label tokens, not epochs or billions",
    ),
    "two runs": (
        table([*by_steps(), *by_steps()]).encode(),
        [],
        "the count begins anew there, as where several runs stand in one file",
    ),
    "decimal commas": (b"step;loss\n1;4,5\n2;4,1\n3;3,9\n", [], "'4,5' in 'loss' is not a number"),
    "words": (b"step,loss\n1,high\n2,lower\n3,low\n", [], "'high' in 'loss' is not a number"),
    "a story": (b"we trained it\nit was long\nit fell\n", [], "looks like a text log"),
    "a config": (b'{"lr": 0.1,\n "steps": 100}', [], "no list of rows: a summary or a config"),
    "a summary": (b'{"train_loss": 2.5, "step": 100}', [], "has 1 rows with a loss"),
    "half a line": (b'{"step": 1, "loss": 4}\n{"step": 2, "lo', [], "line 2: is not JSON"),
    "no unit of steps": (GOOD.encode(), SIZES, "--tokens-per-step: wrong counts steps ('step')"),
    "never counted": (
        table([(0, s, loss) for s, loss in by_steps()], "total_tokens,step,loss").encode(),
        SIZES,
        "'total_tokens' is 0 in every row, so tokens were never counted",
    ),
    "wrong name": (GOOD.encode(), [*STEPS, "--loss-column", "los"], "no column 'los', only"),
    "wrong run": (
        GOOD.encode(),
        [*STEPS, "--where", "run=1"],
        "--where: wrong has no column 'run'",
    ),
    "wrong pattern": (b"a\nb\n", [*STEPS, "--pattern", "(?P<loss>z)"], "no line fits --pattern"),
    "no such rows": (GOOD.encode(), [*STEPS, "--floor-rows", "99"], "between 1 and the 40 rows"),
    "bits per byte": (
        table(by_steps(), "step,bpb").encode(),
        [],
        "--bytes-per-token: 'bpb' holds bits per byte",
    ),
    "all cut off": (GOOD.encode(), [*STEPS, "--until", "1"], "has 1 rows with a loss"),
    "blank losses": (
        table([(1, ""), (2, ""), (3, "")]).encode(),
        [],
        "'loss' has no value in any row",
    ),
    "raw numbers": (bytes(range(256)) * 4, [], "is no text in UTF-8"),
    "runs in any order": (
        b"Name,loss,_step\nrun-a,2.1,5000\nrun-b,2.2,3000\nrun-c,2.0,6000\n",
        [],
        "is a table of runs, one a row by 'Name'",
    ),
    "tokens and steps of tokens": (
        table([(1000 * s, loss) for s, loss in by_steps()], "tokens,loss").encode(),
        [],
        "--tokens-per-step: wrong has no column of steps, and 'tokens' counts tokens already",
    ),
    "axis as the loss": (
        GOOD.encode(),
        [*STEPS, "--loss-column", "step"],
        "'step' of wrong is the axis of the curve, too",
    ),
    "halves of steps": (
        table([(s / 2, loss) for s, loss in by_steps()]).encode(),
        [],
        "line 2: 0.5 in 'step' is no whole number of steps; --step-column 'step' reads it",
    ),
    "nested curves": (
        b'{"train": {"loss": [4, 3, 2], "step": [1, 2, 3]}, "val": {"loss": [4], "step": [1]}}',
        [],
        "its lists differ in length (train/loss 3, train/step 3, val/loss 1, val/step 1)",
    ),
    "a result": (
        b'{"schema_version": "1.0", "model_bits": 5, "data_bits": 9, "diagnostics": []}',
        [],
        "is a result of the package epiplexity and no log",
    ),
    "array": (b"\x93NUMPY\x01\x00v\x00{'descr'", [], "an array without names of columns"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_files_get_a_fitting_sentence(curve, kind):
    content, words, message = WRONG[kind]
    refused = curve(content, *(words or STEPS), name="wrong")
    assert isinstance(refused, str), refused["warnings"]
    assert message in refused


def test_no_error_repeats_advice_that_was_followed(curve):
    fallen = table([*by_steps(), *by_steps()])
    assert isinstance(curve(fallen, *STEPS, "--keep-last"), dict)
    twice = table([("x", s, loss) for s, loss in by_steps()], "Epoch,it,loss")
    assert isinstance(curve(twice, *STEPS), dict)
    samples = table(by_steps(), "samples,loss")
    assert "(--step-column)" in curve(samples, *STEPS)
    assert isinstance(curve(samples, *STEPS, "--step-column", "samples"), dict)


SUMS = table([(s, round(1024 * loss, 1)) for s, loss in by_steps()])
SAID = {
    "sums": (SUMS, [], "is no mean per label token: it is far above ln 10^6"),
    "sums, V known": (SUMS, ["--vocab-size", "96"], "perplexities or sums (--loss-divisor)"),
    "sums, V known, no help": (SUMS, ["--vocab-size", "96"], "no number of test tokens would pay"),
    "one column twice": (GOOD, ["--heldout-column", "loss"], "is the curve and the held-out loss"),
    "names in order": (
        table([(f"run-{s}", s, loss) for s, loss in by_steps()], "Name,_step,loss"),
        [],
        "'Name' has another value in each row: where these are runs",
    ),
    "checkpoints": (
        table([(f"ckpt-{s}", s, loss) for s, loss in by_steps()], "name,step,eval_loss"),
        [],
        "'name' has another value in each row",
    ),
}


@pytest.mark.parametrize("kind", SAID)
def test_what_may_be_wrong_is_said(curve, kind):
    text, words, sentence = SAID[kind]
    found = curve(text, *STEPS, *words)
    assert isinstance(found, dict), found
    assert sentence in said(found)


def test_histories_of_keras_are_columns(curve):
    history = {"loss": LOSSES, "val_loss": [loss + 0.1 for loss in LOSSES]}
    found = curve(json.dumps({"params": {}, "history": history}), *STEPS, "--steps-per-row", "1")
    assert found["label_tokens"] == 40_000
    assert found["floor_nats"] == pytest.approx(LOSSES[-1] + 0.1)


def test_fractions_of_steps_are_read_where_they_are_named(curve):
    text = table([(s / 2, loss) for s, loss in by_steps()])
    found = curve(text, *STEPS, "--step-column", "step")
    assert found["label_tokens"] == 20_000
