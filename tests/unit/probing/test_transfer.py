"""Transfer of a store's members: the oracles, from the folder to the rows."""

import functools
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
import yaml

import epiplexity_jax as epx
from epiplexity_jax.base.errors import ConfigError, StoreError
from epiplexity_jax.checkpoints.state_files import save_state
from epiplexity_jax.engine.state import initial_state
from epiplexity_jax.probing.members import restore_members
from epiplexity_jax.probing.transfer import transfer
from epiplexity_jax.sources.opening import parse
from tests.unit.probing.made import next_cell, rings
from tests.unit.sweep.contexts import Counter

PROBE = {"train": "readout", "readout": "new", "steps": 60, "heldout_tokens": 256}


@functools.cache
def probed(store):
    return transfer(store, next_cell(), **PROBE)


def by_kind(found, kind):
    return [row for row in found.rows if row["kind"] == kind]


def test_what_a_member_has_learnt_is_read_off_it_and_not_off_untrained_weights(store):
    """The first cell's next state was predicted in training: a linear probe finds it."""
    found = probed(store)
    for row in found.members:
        assert row["accuracy_interval"][0] > 0.95
        assert row["accuracy"] > row["scratch_accuracy"] + 0.1
        assert row["gain_nats_interval"][0] > 0.2
    for row in by_kind(found, "scratch"):
        assert row["accuracy_interval"][1] < 0.9
    assert [row["seed"] for row in found.rows] == [0, 1, 0, 1]
    bits = {row["run_id"]: row["model_bits"] for row in epx.load(store).rows()}
    assert {row["run_id"]: row["model_bits"] for row in found.members} == bits


def test_the_same_seed_gives_the_same_bits(store):
    again = transfer(epx.load(store), next_cell(), **PROBE)
    assert again.rows == probed(store).rows
    other = transfer(store, next_cell(), **(PROBE | {"seed": 1}))
    assert [r["loss_nats"] for r in other.rows] != [r["loss_nats"] for r in again.rows]


def test_a_probe_of_untrained_weights_is_the_row_from_scratch(store, tmp_path):
    folder = shutil.copytree(store, tmp_path / "untrained")
    runs = epx.load(folder)
    for member in restore_members(runs, runs.rows(), "cpu")[0]:
        state = jax.device_get(initial_state(member.initial_weights()))
        save_state(folder / "checkpoints" / member.row["run_id"], state)
    found = transfer(folder, next_cell(), **PROBE)
    compared = ("loss_nats", "accuracy", "train_loss_nats", "online_bits")
    for own, base in zip(found.members, by_kind(found, "scratch"), strict=True):
        assert [own[name] for name in compared] == [base[name] for name in compared]
        assert own["gain_nats"] == 0.0
    assert by_kind(found, "scratch") == [
        row | {"store": str(folder)} for row in by_kind(probed(store), "scratch")
    ]


def test_one_member_alone_has_the_bits_that_it_has_among_others(store):
    second = probed(store).members[1]
    progress = Counter()
    found = transfer(store, next_cell(), members=[second["run_id"][:8]], progress=progress, **PROBE)
    assert found.members == [second]
    assert (progress.steps, progress.started) == (120, (2, 0, 120))
    assert progress.tokens == 120 * 32 * 7
    assert len(progress.rows) == 2


def test_members_of_several_stores_are_set_side_by_side(store, tmp_path):
    folder = shutil.copytree(store, tmp_path / "other")
    found = transfer([store, folder], next_cell(), **(PROBE | {"steps": 2}))
    assert [row["store"] for row in found.members] == [str(store)] * 2 + [str(folder)] * 2
    assert len(by_kind(found, "scratch")) == 2  # the same untrained weights
    assert found.correlations == ()


def test_a_rate_beyond_reason_ends_members_and_not_the_transfer(store):
    found = transfer(store, next_cell(), **(PROBE | {"train": "all", "learning_rate": 1e38}))
    assert {row["status"] for row in found.rows} == {"diverged"}
    assert all(row["steps_done"] < 60 and row["loss_nats"] is None for row in found.rows)
    assert "diverged" in found._repr_html_()


def test_the_facts_of_the_target(store):
    found = probed(store)
    document = found.to_json()
    assert document["target"]["heldout_sequences"] == 256
    assert 0.5 <= document["target"]["most_frequent_share"] < 0.6
    assert document["options"]["train"] == "readout"
    assert repr(found) == "<Transfer of 2 members, train readout>"
    html = found._repr_html_()
    assert "the readout alone learns" in html
    assert "(scratch)" in html


def test_without_test_tokens_the_model_bits_are_left_out(store, tmp_path):
    folder = shutil.copytree(store, tmp_path / "unknown")
    config = folder / "sweep.yaml"
    config.write_text(config.read_text().replace("test_tokens: 100000.0", "test_tokens: null"))
    found = transfer(folder, next_cell(), **(PROBE | {"steps": 1}))
    assert {row["model_bits"] for row in found.members} == {None}
    assert "no test tokens are known" in found.notes[0]
    given = transfer(folder, next_cell(), test_tokens=1e5, **(PROBE | {"steps": 1}))
    assert [r["model_bits"] for r in given.members] == [
        r["model_bits"] for r in probed(store).members
    ]


def test_a_target_cut_from_the_training_data_is_noted(tmp_path):
    """A map of the same file; neither another file nor members of a drawn source are named."""
    for name, seed in (("book", 0), ("other", 1)):
        letters = np.random.default_rng(seed).integers(97, 101, 20_000).astype(np.uint8)
        (tmp_path / f"{name}.txt").write_bytes(letters.tobytes())
    read = [
        epx.sources.Text(path=str(tmp_path / f"{name}.txt"), length=8, alphabet="abcd")
        for name in ("book", "other")
    ]
    epx.run(
        {"book": read[0], "noise": epx.sources.Noise(vocab_size=4, length=8)},
        epx.families.Transformer(widths=(8,), depths=(1,), seeds=1),
        store=tmp_path / "store",
        steps=2,
        training=epx.Training(batch_size=8),
        heldout=epx.Heldout(tokens=64),
        recipe="fixed",
    )
    options = {"steps": 1, "heldout_tokens": 64, "test_tokens": 1e5}
    found = transfer(
        tmp_path / "store", epx.sources.Reorder(source=read[0], order="reverse"), **options
    )
    assert [note.partition(",")[0] for note in found.notes] == ["book: holds data of the target"]
    assert found.notes[0] in found._repr_html_()
    assert found.to_json()["notes"] == list(found.notes)
    assert transfer(tmp_path / "store", read[1], **options).notes == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train": "readout", "blocks": 2}, "blocks: goes with train: last_blocks"),
        ({"sources": ["cb"]}, "unknown source 'cb'"),
        ({"members": ["zzz"]}, "members: unknown run 'zzz'"),
        ({"members": []}, "members: no run of the stores is asked for"),
        ({"test_tokens": -1.0}, "test_tokens: must be a positive number, got -1"),
        ({"train": "last_blocks", "blocks": 3}, "blocks: a model has 2, fewer than 3"),
    ],
)
def test_what_does_not_fit_is_refused(store, given, message):
    with pytest.raises(ConfigError, match=message):
        transfer(store, next_cell(), steps=1, **given)


def test_a_source_that_no_store_has_is_refused(store, tmp_path):
    folder = shutil.copytree(store, tmp_path / "other")
    with pytest.raises(ConfigError, match="no run of the stores is asked for; name a source"):
        transfer([store, folder], next_cell(), sources=["cb"], steps=1)


def test_a_target_in_another_alphabet_is_refused(store):
    wide = epx.sources.from_labelled(np.full((200, 4), 2), np.zeros(200, int), classes=2)
    with pytest.raises(ConfigError, match="target: its inputs have 3 symbols"):
        transfer(store, wide, steps=1)
    with pytest.raises(ConfigError, match="readout: keep needs a target with 2 label symbols"):
        transfer(store, epx.sources.from_labelled(*three()), steps=1, readout="keep")


def three():
    return np.zeros((200, 4), int), np.arange(200) % 3


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    with pytest.raises(StoreError, match="nowhere"):
        transfer(tmp_path / "nowhere", next_cell(), steps=1)


def test_in_no_steps_members_are_scored_as_they_are(store):
    """On its own source a member has the loss that its run ended with."""
    rows = {row["run_id"]: row for row in epx.load(store).rows()}
    source = next(iter(rows.values()))["source"]
    config = yaml.safe_load((Path(store) / "sweep.yaml").read_text("utf-8"))
    own = parse(config["sources"][source], "sources")
    found = transfer(store, own, steps=0, heldout_tokens=4096)
    for row in found.members:
        ended = rows[row["run_id"]]["heldout_loss_nats"]
        assert row["loss_nats"] == pytest.approx(ended, abs=4 * row["loss_stderr_nats"] + 1e-3)
        assert (row["steps_done"], row["train_loss_nats"], row["online_bits"]) == (0, None, 0.0)
    x, y = rings(400)
    other = epx.sources.from_labelled(x, y, classes=3, input_vocab_size=2)
    with pytest.raises(ConfigError, match="readout: keep needs a target with 2 label symbols"):
        transfer(store, other, steps=0)
