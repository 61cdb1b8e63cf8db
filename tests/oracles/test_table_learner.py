"""A learner that stores what it saw pays for each new entry once: a sum over the entries' law.

After n examples of an entry that is drawn with probability p_k, 1 - (1 - p_k)^n of it has been paid
for on average, log2 V bits each; the rest is the held-out loss. The sources are those whose tables
hold nothing but their entries.
"""

import functools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest

import epiplexity_jax as epx
from epiplexity_jax.base.config import Config
from epiplexity_jax.families import registry
from epiplexity_jax.families.spec import Cost, Size, Task
from epiplexity_jax.sources.synthetic.zipf import expected_seen, zipf_law
from epiplexity_jax.sources.synthetic.zipf_facts import table_learner_bits
from epiplexity_jax.sweep.config import Heldout, Prequential, Training

TEST = 1e6
SEEDS = 8
STEPS, BATCH = 50, 16
FACTS = epx.sources.ZipfFacts(facts=300, values=16)
SOURCES = {
    # (source, law of its entries, V)
    "facts": (FACTS, zipf_law(300, 1.0), 16),
    "boolean": (epx.sources.Boolean(bits=9), zipf_law(512, 0.0), 2),
    "addition": (epx.sources.ModularAddition(modulus=23), zipf_law(23**2, 0.0), 23),
}


class TableCoder:
    """Labels by their inputs, once they were seen; uniform before (see `spec.Coder`)."""

    def __init__(self, task: Task):
        self.seen: dict[bytes, int] = {}
        self.new = math.log(task.vocab_size)
        self.task = task
        self.cost = Cost(1, 1.0, 1.0)

    def observe(self, sequences):
        """Nats of each sequence [n], which is stored before the next one."""
        nats = np.zeros(len(sequences))
        for i, row in enumerate(np.asarray(sequences, np.int64)):
            nats[i] = self.new * (row[:-1].tobytes() not in self.seen)
            assert self.seen.setdefault(row[:-1].tobytes(), int(row[-1])) == row[-1]
        return nats

    def evaluate(self, sequences):
        """Nats of each sequence [n], of which nothing is stored."""
        rows = np.asarray(sequences, np.int64)
        return self.new * np.array([row[:-1].tobytes() not in self.seen for row in rows])


class TableLearner(Config):
    """A table of inputs and labels."""

    kind: Literal["table_learner"] = "table_learner"


@dataclass(frozen=True)
class TableFamily:
    """One size (see `spec.HostFamily`)."""

    kind: str = "table_learner"
    seeds: int = SEEDS

    def sizes(self):
        return (Size.of(name="table"),)

    def coder(self, size, task: Task):
        return TableCoder(task)


@pytest.fixture(scope="module")
def runs_of(tmp_path_factory):
    """The runs on a source, made when they are first asked for."""
    registry.register(TableLearner, lambda config: TableFamily(), listed=False)

    @functools.cache
    def run(name):
        source = (
            epx.sources.ModularAddition(modulus=23, pairs="all")
            if name == "pairs"
            else SOURCES[name][0]
        )
        return epx.run(
            source,
            TableLearner(),
            Prequential(variant="exact"),
            recipe="fixed",
            store=tmp_path_factory.mktemp(name) / "store",
            training=Training(steps=20 if name == "pairs" else STEPS, batch_size=BATCH),
            heldout=Heldout(tokens=50 if name == "pairs" else 4000),
        )

    return run


def spread(law, examples):
    """Standard deviation of the number of entries seen, from above: they crowd each other out."""
    unseen = (1 - law) ** examples
    return math.sqrt((unseen * (1 - unseen)).sum())


@pytest.mark.parametrize("name", SOURCES)
def test_the_online_length_is_the_price_of_the_entries_seen(name, runs_of):
    _, law, symbols = SOURCES[name]
    curves = runs_of(name).curves()
    assert len(curves) == SEEDS
    for point, examples in enumerate(curves[0].label_tokens):
        entries = np.mean([c.online.sum_nats[point] for c in curves]) / math.log(symbols)
        error = 4 * spread(law, examples) / math.sqrt(SEEDS)
        assert abs(entries - expected_seen(law, int(examples))) <= error + 1e-9
    assert curves[0].label_tokens[-1] == STEPS * BATCH
    assert error < 0.06 * entries


def test_facts_have_a_function_of_their_own(runs_of):
    bits = [curve.online.sum_nats[-1] / math.log(2) for curve in runs_of("facts").curves()]
    error = 4 * 4 * spread(SOURCES["facts"][1], STEPS * BATCH) / math.sqrt(SEEDS)
    assert abs(np.mean(bits) - table_learner_bits(FACTS, STEPS * BATCH)) < error


@pytest.mark.parametrize("name", SOURCES)
def test_the_exact_model_length_is_that_of_the_stored_entries(name, runs_of):
    """The final table has no loss on what it was trained on, so all of the length is the model."""
    runs = runs_of(name)
    lengths = sorted(curve.online.sum_nats[-1] / math.log(2) for curve in runs.curves())
    found = sorted(row["model_bits"] for row in runs.rows(TEST, variant="exact"))
    assert found == pytest.approx(lengths)


@pytest.mark.parametrize("name", SOURCES)
def test_the_held_out_loss_is_the_share_of_entries_not_seen(name, runs_of):
    _, law, symbols = SOURCES[name]
    curves = runs_of(name).curves()
    unseen = (1 - law) ** (STEPS * BATCH)
    found = [curve.ema.loss_nats[-1] / math.log(symbols) for curve in curves]
    drawn = max(curve.ema.stderr_nats[-1] / math.log(symbols) for curve in curves)
    learnt = math.sqrt((law**2 * unseen * (1 - unseen)).sum() / SEEDS)
    assert abs(np.mean(found) - (law * unseen).sum()) < 4 * math.hypot(drawn, learnt)
    assert 0.02 < np.mean(found) < 0.5


def test_a_table_knows_nothing_of_pairs_that_are_held_out(runs_of):
    """All pairs once: each costs log2 p bits, and so does every one that was never seen."""
    for curve in runs_of("pairs").curves():
        assert curve.online.sum_nats[-1] == pytest.approx(20 * BATCH * math.log(23))
        assert curve.ema.loss_nats[-1] == pytest.approx(math.log(23), rel=1e-6)
