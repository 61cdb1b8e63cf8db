"""`transfer`: the target as a file or a kind, its rows as table, CSV or JSON, and what is wrong."""

import csv
import io

import numpy as np
import pytest

import epiplexity_jax as epx
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.cli.transfer import read_target
from tests.unit.cli.documents import only_json

SHORT = ["--steps", "4", "--heldout-tokens", "64", "--batch-size", "8"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store of one small member, which has read noise with a start token."""
    folder = tmp_path_factory.mktemp("transfer") / "noise"
    epx.run(
        {"noise": epx.sources.Noise(vocab_size=3, length=8)},
        epx.families.Transformer(widths=(8,), depths=(1,), seeds=1),
        store=folder,
        steps=3,
        training=epx.Training(batch_size=4, learning_rate=0.03, warmup_steps=1),
        heldout=epx.Heldout(tokens=1024),
        recipe="fixed",
        frontier=epx.FrontierOptions(test_tokens=1e4),
    )
    return folder


@pytest.fixture
def labelled(tmp_path):
    """A YAML file of a labelled source, and its archive."""
    inputs = np.random.default_rng(0).integers(0, 3, (400, 5))
    np.savez(tmp_path / "rows.npz", inputs=inputs, labels=inputs[:, -1] % 2)
    path = tmp_path / "target.yaml"
    path.write_text(f"kind: labelled\npath: {tmp_path / 'rows.npz'}\n", encoding="utf-8")
    return path


def test_json_csv_and_table_say_the_same(call, trained, labelled):
    words = ["transfer", trained, "--on", labelled, "--train", "readout", *SHORT]
    document = only_json(call(*words, "--json"))
    assert {"transfer", "correlations", "target", "options", "notes", "stores"} <= set(document)
    member, scratch = document["transfer"]
    assert (member["kind"], member["source"], scratch["kind"]) == ("member", "noise", "scratch")
    assert document["options"]["steps"] == 4
    rows = list(csv.DictReader(io.StringIO(call(*words, "--csv").out)))
    assert [float(row["loss_nats"]) for row in rows] == [member["loss_nats"], scratch["loss_nats"]]
    assert "accuracy_interval_low" in rows[0]
    called = call(*words)
    assert called.status == 0, called.err
    assert "(scratch)" in called.out
    assert "the readout alone learns, 4 steps of 8" in called.out


def test_a_kind_with_keys_is_a_target(call, trained):
    words = ["transfer", trained, "length=6", "vocab_size=3", "--on", "noise", *SHORT]
    document = only_json(call(*words, "--json"))
    assert (document["target"]["length"], document["target"]["vocab_size"]) == (6, 3)


REFUSED = {
    "no target": ([], "Missing option '--on'"),
    "unknown kind": (["--on", "nois"], "--on: unknown kind of source 'nois'; did you mean 'noise'"),
    "missing file": (["--on", "nowhere.yaml"], "nowhere.yaml: no such config file"),
    "wrong key": (["--on", "noise", "lenght=4"], "target: unknown key 'lenght'"),
    "too long": (["--on", "noise", "vocab_size=3", "length=9"], "have 9 input positions"),
    "wrong word": (["--on", "noise", "vocab_size=3", "--train", "head"], "train: "),
    "wrong number": (["--on", "noise", "vocab_size=3", "--steps", "-1"], "steps: "),
    "both formats": (["--on", "noise", "--csv", "--json"], "--csv: cannot be given together"),
    "test tokens": (["--on", "noise", "--test-tokens", "-1"], "--test-tokens: must be a positive"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_one_line(call, trained, name):
    words, message = REFUSED[name]
    called = call("transfer", trained, *words)
    assert (called.status, called.out) == (2, "")
    assert message in called.err
    assert called.err.count("\n") == 1


def test_no_store_is_one_line(call, labelled):
    called = call("transfer", "length=4", "--on", labelled)
    assert called.status == 2
    assert "transfer: expected the folder of a store" in called.err


def test_a_target_is_a_source_or_a_config_with_one(tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text("sources: {a: {kind: noise, vocab_size: 3}}\n", encoding="utf-8")
    expected = {"kind": "noise", "vocab_size": 3, "length": 4}
    assert read_target(str(path), ["length=4"]) == expected
    assert read_target("noise", ["vocab_size=3", "length=4"]) == expected
    for text, message in (
        ("sources: {a: {kind: noise}, b: {kind: noise}}", "expected one source below `sources`"),
        ("vocab_size: 3", "expected the keys of one source"),
        ("- 3", "expected the keys of one source"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=message):
            read_target(str(path), [])
