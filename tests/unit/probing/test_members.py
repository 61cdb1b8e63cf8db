"""Members of a store: the weights that their held-out loss is of, and those that are left out."""

import dataclasses
import shutil

import jax
import numpy as np
import pytest
import yaml

import epiplexity_jax as epx
from epiplexity_jax.base.errors import ConfigError, StoreError
from epiplexity_jax.checkpoints.state_files import save_state
from epiplexity_jax.engine.step import sequence_losses
from epiplexity_jax.engine.stream import heldout_tokens
from epiplexity_jax.estimators.requential import RequentialMethod
from epiplexity_jax.probing.members import choose, restore_members
from epiplexity_jax.sources.opening import open_source
from tests.unit.probing.made import CELLS, RULE


def restored(store):
    runs = epx.load(store)
    return restore_members(runs, runs.rows(), "cpu")


def test_a_member_has_the_loss_that_its_run_ended_with(store):
    members, notes = restored(store)
    assert notes == []
    assert {member.origins for member in members} == {()}  # of a drawn source
    source = open_source(epx.sources.ElementaryCA(rule=RULE, cells=CELLS, steps=1, burn_in=0))
    tokens = heldout_tokens(source, None, 0, 320)  # 2048 label tokens, in whole eval batches
    score = jax.jit(sequence_losses, static_argnums=0)
    for member in members:
        loss = float(score(member.model, member.weights, tokens).mean()) / CELLS
        assert loss == pytest.approx(member.row["heldout_loss_nats"], rel=1e-3)


def test_its_initial_weights_are_those_of_step_0(store):
    member, other = restored(store)[0]
    first = member.initial_weights()
    assert jax.tree.map(np.shape, first) == jax.tree.map(np.shape, member.weights)
    assert not np.any(first["readout"]["kernel"])
    assert not np.array_equal(first["token_embedding"], other.initial_weights()["token_embedding"])
    again = restored(store)[0][0].initial_weights()
    assert np.array_equal(first["token_embedding"], again["token_embedding"])


def test_a_model_for_another_task_has_the_same_size(store):
    (member, _), _ = restored(store)
    task = dataclasses.replace(member.model.task, vocab_size=7)
    assert member.model_for(member.model.task) == member.model
    assert member.model_for(task).task.vocab_size == 7
    assert "width 16 depth 2, seed 0" in member.label


def test_runs_without_a_final_state_are_left_out(store, tmp_path):
    folder = shutil.copytree(store, tmp_path / "copy")
    first, second = (row["run_id"] for row in epx.load(folder).rows())
    shutil.rmtree(folder / "checkpoints" / first)
    members, notes = restored(folder)
    assert [member.row["run_id"] for member in members] == [second]
    assert notes == [
        "ca, width 16 depth 2, seed 0: left out, the store has not kept its final state "
        "(training.keep_final_state, or a KL cap, or a longer run took its place)"
    ]
    (file,) = (folder / "checkpoints" / second).rglob("checksum.json")
    file.unlink()
    with pytest.raises(StoreError, match=r"has no member to transfer; ca, .* seed 0: left out"):
        restored(folder)


def test_a_source_that_has_changed_is_noticed(store, tmp_path):
    folder = shutil.copytree(store, tmp_path / "copy")
    config = folder / "sweep.yaml"
    config.write_text(config.read_text().replace(f"rule: {RULE}", "rule: 54"))
    with pytest.raises(StoreError, match="seed 0: left out, its source has changed since"):
        restored(folder)


def test_counts_have_no_weights(tmp_path):
    runs = epx.run(
        epx.sources.Noise(vocab_size=4, length=16),
        epx.families.Ngram(orders=(0,), seeds=1),
        store=tmp_path / "counts",
        training=epx.Training(steps=4, batch_size=4),
        heldout=epx.Heldout(tokens=1024),
    )
    with pytest.raises(ConfigError, match="family: ngram counts on the host and has no weights"):
        restore_members(runs, runs.rows(1e4), "cpu")


def test_the_student_of_a_requential_run_is_its_member(store, tmp_path):
    folder = shutil.copytree(store, tmp_path / "requential")
    config = yaml.safe_load((folder / "sweep.yaml").read_text())
    config["estimator"] = {"kind": "requential"}
    (folder / "sweep.yaml").write_text(yaml.safe_dump(config))
    member, _ = restored(store)[0]
    state = RequentialMethod().init(member.initial_weights(), jax.random.key(0))
    student = state.student.replace(ema=jax.tree.map(lambda x: x + 1, state.student.ema))
    state = jax.device_get(state.replace(student=student))
    save_state(folder / "checkpoints" / member.row["run_id"], state)
    (found,), notes = restored(folder)
    assert notes == ["ca, width 16 depth 2, seed 1: left out, its final state is damaged"]
    jax.tree.map(np.testing.assert_array_equal, found.weights, state.student.ema)


def test_runs_are_chosen_by_the_beginning_of_their_id():
    rows = [{"run_id": "abc1"}, {"run_id": "abd2"}]
    assert choose(rows, None) == [0, 1]
    assert choose(rows, ["abd", "abd2"]) == [1]
    assert choose([*rows, rows[1]], ["abd"]) == [1, 2]  # one run in two stores
    with pytest.raises(ConfigError, match="members: 'ab' begins 2 run ids"):
        choose(rows, ["ab"])
    with pytest.raises(ConfigError, match="members: unknown run 'x'"):
        choose(rows, ["x"])
