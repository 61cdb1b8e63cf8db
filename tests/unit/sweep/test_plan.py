"""Plans: what makes a run another run, how runs are packed, and what is refused before training."""

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.config_file import read_config
from epiplexity_jax.sweep.dry_run import summarise
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.plan import make_plan

GOOD = """
sources:
  chain: {kind: markov, vocab_size: 4, length: 16}
  noise: {kind: noise, vocab_size: 4, length: 16}
family: {kind: transformer, widths: [8, 16], depths: [1], seeds: 2}
training: {steps: 8, batch_size: 4}
heldout: {tokens: 2048}
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(GOOD, encoding="utf-8")

    def make(*overrides, platform="cpu"):
        return make_plan(parse_sweep(read_config(path, overrides)), platform)

    return make


def ids(plan):
    return {run.label: run.run_id for run in plan.runs}


def waves_of(plan, devices, platform="cpu"):
    return plan.trainer.waves(plan.runs, {}, Hardware(devices, platform))


def members(plan, wave):
    return [plan.trainer.runs[i] for i in wave.run_ids]


def lineages(plan):
    return {run.label: run.lineage for run in plan.runs}


def test_every_run_has_its_own_name(plan):
    runs = plan().runs
    assert len({run.run_id for run in runs}) == len({run.label for run in runs}) == len(runs) == 8
    assert ids(plan()) == ids(plan())


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "training.batch_size=8",
        "training.learning_rate=0.01",
        "training.warmup_steps=5",
        "training.microbatch=2",
        "training.compute_dtype=bfloat16",
        "estimator.ema_steps=10",
        "heldout.tokens=4096",
        "heldout.record_tokens=2048",
    ],
)
def test_what_decides_numbers_makes_every_run_another(plan, override):
    before, after = plan(), plan(override)
    assert ids(before).keys() == ids(after).keys()
    assert not set(ids(before).values()) & set(ids(after).values())
    assert not set(lineages(before).values()) & set(lineages(after).values())


@pytest.mark.parametrize(
    "override",
    ["sources.chain.length=12", "sources.chain.table_seed=1", "sources.chain.concentration=0.5"],
)
def test_a_changed_source_leaves_the_other_source_alone(plan, override):
    before, after = ids(plan()), ids(plan(override))
    for label, run_id in before.items():
        assert (after[label] == run_id) == label.startswith("noise")


def test_batches_are_cut_to_fit_a_core_and_that_is_part_of_a_run(plan):
    """About 512 tokens on a CPU; naming the same number is the same run."""
    large = "training.batch_size=64"
    chosen = plan(large)
    assert {d.microbatch for d in chosen.datasets} == {32}
    assert ids(plan(large, "training.microbatch=32")) == ids(chosen)
    whole = plan(large, "training.microbatch=64")
    assert not set(ids(whole).values()) & set(ids(chosen).values())
    accelerated = plan(large, "training.compute_dtype=float32", platform="gpu")
    assert ids(accelerated) == ids(whole)
    rows = summarise(chosen, jax.devices(), ()).rows()
    assert [row["microbatch"] for row in rows] == [32] * len(rows)


def test_an_ngrams_prior_and_batch_decide_its_numbers_and_its_training_does_not(plan):
    counting = "family={kind: ngram, orders: [0, 1], seeds: 1}"
    before = ids(plan(counting))
    for override in ("family.alpha=1.0", "training.batch_size=8"):
        assert not set(before.values()) & set(ids(plan(counting, override)).values())
    for override in ("training.learning_rate=0.5", "estimator.ema_steps=3"):
        assert ids(plan(counting, override)) == before


@pytest.mark.parametrize(
    "override",
    [
        "frontier.test_tokens=1e9",
        "frontier.compute=[1e12]",
        "estimator.variant=online",
        "estimator.floor=raw",
        "estimator.floor=entropy_rate",
        "training.members_per_device=2",
        "training.keep_final_state=false",
        "trackers=[jsonl]",
    ],
)
def test_what_only_reads_or_packs_keeps_every_run(plan, override):
    assert ids(plan(override)) == ids(plan())


@pytest.mark.parametrize("override", ["estimator.variant=exact", "training.flops=compiled"])
def test_another_end_or_another_count_of_flops_continues_the_same_training(plan, override):
    """The rows differ, the training does not."""
    before, after = plan(), plan(override)
    assert not set(ids(before).values()) & set(ids(after).values())
    assert lineages(before) == lineages(after)


def test_learning_rates_of_a_family_are_members_of_their_own(plan):
    before = plan()
    alone = plan("family.learning_rates=[0.03]")
    assert ids(alone) == ids(before)
    two = plan("family.learning_rates=[0.03, 0.01]")
    assert len(two.runs) == 2 * len(before.runs)
    assert {run.learning_rate for run in two.runs} == {0.03, 0.01}
    assert {run.run_id for run in before.runs} < {run.run_id for run in two.runs}
    labels = [run.label for run in two.runs]
    assert len(set(labels)) == len(labels)
    assert "chain, width 8 depth 1, lr 0.01, seed 0" in labels
    waves = waves_of(two, 4, "gpu")
    assert any(len({run.learning_rate for run in members(two, wave)}) == 2 for wave in waves)


REPLAY = (
    "sources={again: {kind: replay, times: 3, source: "
    "{kind: subsample, sequences: 200, source: {kind: noise, vocab_size: 4, length: 16}}}}"
)


@pytest.mark.parametrize("family", ["transformer, widths: [8], depths: [1]", "ngram, orders: [1]"])
def test_replayed_data_is_coded_exactly_and_no_other_way(plan, family):
    family = f"family={{kind: {family}, seeds: 1}}"
    (run,) = plan(REPLAY, family).runs
    assert run.row["variants"] == ["exact"]
    assert plan(REPLAY, family, "estimator.variant=exact").runs[0].run_id == run.run_id
    for variant in ("online", "paired"):
        with pytest.raises(ConfigError, match=r"^estimator\.variant: "):
            plan(REPLAY, family, f"estimator.variant={variant}")
    with pytest.raises(
        ConfigError, match=r"^estimator\.variant: .*replays its data 3 times.*exact"
    ):
        plan(REPLAY, family, "estimator.variant=online")
    with pytest.raises(ConfigError, match=r"^estimator\.floor: .*replays"):
        plan(REPLAY, family, "estimator.floor=entropy_rate")


def test_replayed_data_lasts_as_often_as_was_asked(plan):
    """200 sequences, a tenth held out, in batches of 4: 45 steps an epoch."""
    assert plan(REPLAY, "training.steps=135").runs
    with pytest.raises(DataError, match="180 training sequences read 3 times, at most 135 steps"):
        plan(REPLAY, "training.steps=136")


def test_counts_refuse_vectors_in_one_line(plan, tmp_path):
    np.savez(tmp_path / "data.npz", inputs=np.ones((500, 3)), labels=np.arange(500) % 2)
    source = f"sources={{x: {{kind: labelled, path: {tmp_path}/data.npz}}}}"
    assert plan(source).runs[0].dataset.task.features == 3
    with pytest.raises(ConfigError, match=r"^sources\.x: .*vectors"):
        plan(source, "family={kind: ngram}")


@pytest.mark.parametrize(
    "override",
    [
        "family.seeds=3",
        "family.widths=[8, 16, 32]",
        "family.depths=[1, 2]",
        "sources.more={kind: noise, vocab_size: 3, length: 16}",
    ],
)
def test_more_runs_keep_those_that_were_there(plan, override):
    before, after = ids(plan()), ids(plan(override))
    assert before.items() < after.items()


def test_more_steps_are_other_runs_of_the_same_lineage(plan):
    before, after = plan(), plan("training.steps=16")
    assert not set(ids(before).values()) & set(ids(after).values())
    assert lineages(before) == lineages(after)


def test_a_run_on_an_accelerator_is_another(plan):
    assert plan(platform="gpu").compute_dtype == "bfloat16"
    assert not set(ids(plan()).values()) & set(ids(plan(platform="gpu")).values())
    pinned = "training.compute_dtype=float32"
    assert ids(plan(pinned)) == ids(plan(pinned, platform="gpu")) == ids(plan())


def test_waves_hold_each_run_once_largest_first_and_one_shape_each(plan):
    plan = plan("family.seeds=3", "sources.long={kind: noise, vocab_size: 4, length: 32}")
    waves = waves_of(plan, 2)
    assert sorted(i for wave in waves for i in wave.run_ids) == sorted(
        run.run_id for run in plan.runs
    )
    costs = [members(plan, wave)[0].cost.train_flops_per_token for wave in waves]
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) > 1
    for wave in waves:
        shapes = {(run.size, run.dataset.task, run.dataset.layout) for run in members(plan, wave)}
        assert len(shapes) == 1
        assert (len(wave.run_ids), wave.slots) in {(1, 2), (2, 2)}


def test_sources_of_one_shape_share_waves(plan):
    plan = plan("family.widths=[16]", "family.seeds=1")
    (wave,) = waves_of(plan, 2)
    assert [run.dataset.name for run in members(plan, wave)] == ["chain", "noise"]


@pytest.mark.parametrize(
    ("override", "devices", "platform", "sizes", "slots"),
    [
        ("seed=0", 4, "cpu", [4], [4]),
        ("seed=0", 3, "cpu", [3, 1], [3, 3]),
        ("training.members_per_device=2", 2, "cpu", [4], [4]),
        ("seed=0", 1, "gpu", [4], [4]),
        ("training.members_per_device=3", 1, "gpu", [3, 1], [3, 1]),
        ("seed=0", 8, "gpu", [4], [4]),  # two devices each
        ("training.data_devices=1", 8, "gpu", [4], [8]),
    ],
)
def test_waves_fill_the_devices(plan, override, devices, platform, sizes, slots):
    plan = plan("family.widths=[16]", override)
    waves = waves_of(plan, devices, platform)
    assert [len(wave.run_ids) for wave in waves] == sizes
    assert [wave.slots for wave in waves] == slots


def test_the_summary_counts_what_is_left(plan):
    plan, devices = plan("family.widths=[16]"), jax.devices()[:2]
    left = plan.runs[1:]
    summary = summarise(plan, devices, {plan.runs[0].run_id})
    batch_tokens = 4 * 17  # a start token stands before the 16
    per_run = 8 * batch_tokens
    assert summary.summary["runs"] == 4
    assert summary.summary["finished"] == 1
    assert summary.summary["train_tokens"] == 3 * per_run
    assert summary.summary["params"] == 3 * left[0].cost.params
    params = left[0].cost.params
    assert summary.summary["flops"] == 3 * (6 * params * per_run + 2 * 2 * params * 128 * 17)
    assert (summary.summary["cohorts"], summary.summary["waves"]) == (1, 2)
    (cohort,) = summary.rows()
    assert (cohort["members"], cohort["sources"]) == (3, ["chain", "noise"])
    assert cohort["flops"] == summary.summary["flops"]


def test_the_idle_share_is_the_part_of_the_devices_that_waits(plan):
    plan, devices = plan("family.widths=[16]"), jax.devices()[:2]
    assert summarise(plan, devices, set()).summary["idle_share"] == pytest.approx(0.0)
    done = {plan.runs[0].run_id}
    assert summarise(plan, devices, done).summary["idle_share"] == pytest.approx(1 / 4)
    everything = {run.run_id for run in plan.runs}
    summary = summarise(plan, devices, everything).summary
    assert (summary["idle_share"], summary["flops"], summary["waves"]) == (0.0, 0, 0)


def test_counting_families_use_one_processor_at_a_time(plan):
    plan = plan("family={kind: ngram, orders: [0, 1], seeds: 2}")
    summary = summarise(plan, jax.devices()[:2], set()).summary
    assert (summary["runs"], summary["waves"], summary["idle_share"]) == (8, 8, 0.0)


def test_an_entropy_rate_floor_needs_a_known_entropy_rate(plan, tmp_path):
    (tmp_path / "book.txt").write_text("It was the best of times. " * 400, encoding="ascii")
    book = f"sources.book={{kind: text, path: {tmp_path}/book.txt, alphabet: bytes, length: 16}}"
    plan(book)
    with pytest.raises(ConfigError, match=r"^estimator\.floor: .*'book' is not known; use ema"):
        plan(book, "estimator.floor=entropy_rate")


def test_counting_families_are_coded_online(plan):
    counting = "family={kind: ngram}"
    assert plan(counting, "estimator.variant=online").runs
    with pytest.raises(ConfigError, match=r"^estimator\.variant: .*ngram.*online"):
        plan(counting, "estimator.variant=paired")


@pytest.mark.parametrize(
    ("text", "override", "parts"),
    [
        (None, "seed=0", ["book.txt", "no such"]),
        ("", "seed=0", ["book.txt", "empty"]),
        ("a", "seed=0", ["book.txt"]),
        ("It was the best of times. ", "seed=0", ["sources.book"]),
        ("It was the best of times. " * 400, "training.steps=100000", ["steps", "at most"]),
        ("caf\u00e9 " * 400, "sources.book.alphabet=ascii96", ["book.txt", "alphabet"]),
    ],
    ids=["missing", "empty", "one token", "short", "one epoch", "alphabet"],
)
def test_a_source_that_does_not_last_is_refused(plan, tmp_path, text, override, parts):
    path = tmp_path / "book.txt"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    book = f"sources.book={{kind: text, path: {path}, alphabet: bytes, length: 16}}"
    with pytest.raises(DataError) as refused:
        plan(book, override)
    said = str(refused.value)
    assert "\n" not in said
    assert all(part in said for part in parts), said
