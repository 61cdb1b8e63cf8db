"""What a requential length must be where the answer is known: nothing to learn, wrong labels."""

import math

import numpy as np
import pytest

import epiplexity_jax as epx

pytestmark = pytest.mark.slow
CLASSES, RATE, TEST = 10, 0.2, 1e7


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    """Noise, a cipher and a cycle of tokens, of equal shapes."""
    shape = {"vocab_size": 4, "length": 16}
    cycle = np.roll(np.eye(4), 1, axis=1).tolist()
    return epx.run(
        {
            "noise": epx.sources.Noise(**shape),
            "cipher": epx.sources.Cipher(**shape, algorithm="threefry", sequences=20_000),
            "cycle": epx.sources.Markov(matrix=cycle, length=16),
        },
        epx.families.Recurrent(widths=(16,), depths=(1,), seeds=2),
        epx.Requential(),
        recipe="fixed",
        store=tmp_path_factory.mktemp("chains") / "store",
        training=epx.Training(steps=150, batch_size=32, warmup_steps=20),
        heldout=epx.Heldout(tokens=20_000),
    )


@pytest.mark.parametrize("source", ["noise", "cipher"])
def test_noise_is_untrained(chains, source):
    frontier = chains.frontier(TEST, source)
    for variant in ("switch", "ema_student", "student"):
        frontier = chains.frontier(TEST, source, variant=variant)
        for compute in frontier.budgets():
            found = frontier.at(compute)
            assert found.status == "untrained"
            assert found.entropy_bits_per_token == pytest.approx(2.0)


@pytest.mark.parametrize("source", ["noise", "cipher"])
def test_the_kl_of_noise_is_a_small_part_of_its_code_and_of_what_structure_costs(chains, source):
    bits = {row["source"]: row["model_bits"] for row in chains.rows(TEST)}
    seen = 150 * 32 * 16 * 2  # bits of the labels that were sampled
    assert 0 < bits[source] < 0.01 * seen
    assert bits[source] < 0.1 * bits["cycle"]


def test_structure_is_learnt_by_the_student(chains):
    frontier = chains.frontier(TEST, "cycle")
    found = frontier.at(frontier.largest_compute)
    assert found.status == "ok"
    assert found.estimator == "requential"
    assert found.variant == "switch"
    assert 0.125 < found.entropy_bits_per_token < 1.0  # 2 bits for the first of 16 tokens


def test_teachers_give_the_prequential_estimate_of_the_same_training(chains):
    other = epx.run(
        {"cycle": epx.sources.Markov(matrix=np.roll(np.eye(4), 1, axis=1).tolist(), length=16)},
        epx.families.Recurrent(widths=(16,), depths=(1,), seeds=2),
        recipe="fixed",
        store=chains.path.parent / "prequential",
        training=epx.Training(steps=150, batch_size=32, warmup_steps=20),
        heldout=epx.Heldout(tokens=20_000),
    )
    for mine, its in zip(chains.curves("cycle", "prequential"), other.curves(), strict=True):
        assert mine.variants == its.variants
        np.testing.assert_array_equal(mine.steps, its.steps)
        np.testing.assert_allclose(mine.online.sum_nats, its.online.sum_nats, rtol=1e-3)
        np.testing.assert_allclose(mine.ema.loss_nats, its.ema.loss_nats, rtol=2e-2, atol=1e-3)
    compute = other.frontier(TEST).largest_compute
    found = chains.frontier(TEST, "cycle", estimator="prequential").at(compute)
    assert found.estimator == "prequential"
    expected = other.frontier(TEST).at(compute).epiplexity_bits
    assert found.epiplexity_bits == pytest.approx(expected, rel=0.02)


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """Ten classes of vectors; the same with wrong labels, and with labels of other vectors."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, CLASSES, 100_000)
    centres = 4.0 * generator.standard_normal((CLASSES, 8))
    inputs = centres[labels] + generator.standard_normal((labels.size, 8))
    true = epx.sources.from_labelled(inputs, labels, standardise=True)
    others = generator.permutation(labels)
    return epx.run(
        {
            "true": true,
            "wrong": epx.sources.open_source(epx.sources.FlipLabels(source=true, rate=RATE)),
            "of others": epx.sources.from_labelled(inputs, others, standardise=True),
        },
        epx.families.Mlp(widths=(16,), depths=(1,), seeds=2),
        epx.Requential(),
        recipe="fixed",
        store=tmp_path_factory.mktemp("classes") / "store",
        training=epx.Training(steps=1000, batch_size=64, warmup_steps=20),
        heldout=epx.Heldout(tokens=10_000),
    ).frontiers(TEST)


def test_wrong_labels_raise_the_entropy_by_what_they_hold_and_leave_the_structure(classes):
    true, wrong = (classes[name].at(classes[name].largest_compute) for name in ("true", "wrong"))
    flips = -RATE * math.log2(RATE) - (1 - RATE) * math.log2(1 - RATE)
    flips += RATE * math.log2(CLASSES - 1)
    added = wrong.entropy_bits_per_token - true.entropy_bits_per_token
    assert added == pytest.approx(flips, rel=0.05)
    assert true.status == wrong.status == "ok"
    change = wrong.epiplexity_bits - true.epiplexity_bits
    assert abs(change) < 0.05 * (wrong.entropy_bits - true.entropy_bits)


def test_labels_of_other_vectors_teach_nothing(classes):
    frontier = classes["of others"]
    found = frontier.at(frontier.largest_compute)
    assert found.status == "untrained"
    assert found.epiplexity_bits == 0.0
