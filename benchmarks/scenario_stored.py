"""Scenarios of what is stored: tables of examples, mixtures of models, data read again.

Cost: tables are counts (seconds), beside 6 runs of a transformer of width 32 and depth 1 over at
most 9e5 tokens, 3e11 FLOPs; mixtures 6 runs of width 32 and depth 2 over 1.5e6 tokens, 1.4e12;
replay 12 runs of depth 1 over 1.6e6 tokens, 1.6e12, and 2 small ones of noise. Together 55 s at
60 GFLOP/s, and as long again for compiling.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scenario_lab import Lab, Rows, Scenario, bits, chosen, difference, final_rows, mean, within

import epiplexity_jax as epx
from epiplexity_jax.base.config import Config
from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.sources.synthetic.zipf import expected_seen, zipf_law
from epiplexity_jax.sources.synthetic.zipf_facts import table_learner_bits

BITS, EXAMPLES, BATCH = 8, 512, 16
FACTS = epx.sources.ZipfFacts(facts=256, values=16)
TABLES: dict[str, Config] = {"boolean": epx.sources.Boolean(bits=BITS), "facts": FACTS}
ORDERS = {"boolean": BITS, "facts": 1}
TABLE_SEEDS, LEARNER_STEPS = 16, 1500
_UNSATURATED = 0.5  # share of a table's bits
_CERTAIN = 1e-6  # pseudo-count of a learner that believes what it saw once

MIXTURES = {
    "periodic": epx.sources.Mixture(of="periodic", models=16, vocab_size=8, length=16, period=4),
    "markov": epx.sources.Mixture(models=8, vocab_size=2, length=16),
}
MIXTURE_STEPS, LENGTH = 1500, 16

CHAIN = epx.sources.Markov(vocab_size=8, length=32, concentration=0.3)
READ, EPOCHS, REPLAY_BATCH = 51_200, (1, 4, 16, 64), 64
DICE = epx.sources.Noise(vocab_size=16, length=8)
TEST_SEQUENCES = 1e5


def tables_known(name: str, examples: int) -> tuple[float, float]:
    """Bits of the entries that some examples show on average, and bits that are left a label."""
    if name == "facts":
        law, width = zipf_law(FACTS.facts, FACTS.exponent), math.log2(FACTS.values)
        seen = table_learner_bits(FACTS, examples)
    else:
        law, width = zipf_law(2**BITS, 0.0), 1.0
        seen = expected_seen(law, examples)
    return seen, float((law * (1 - law) ** examples).sum()) * width


def unsaturated(name: str, read: Sequence[float]) -> int | None:
    """Index of the last record point at which a table has stored half of its bits at most.

    Later any learner has paid more than a table, whatever it does. None where only the untrained
    model comes before.

    Args:
        name: name of the table.
        read: examples read at each record point.
    """
    whole = FACTS.facts * math.log2(FACTS.values) if name == "facts" else 2.0**BITS
    early = [tables_known(name, int(n))[0] <= _UNSATURATED * whole for n in read]
    return sum(early) - 1 or None


def train_tables(lab: Lab) -> list[dict[str, Any]]:
    """Counts, which store what they see, and transformers after as many examples and more."""
    rows = []
    for name, source in TABLES.items():
        counts = epx.families.Ngram(orders=(ORDERS[name],), alpha=_CERTAIN, seeds=TABLE_SEEDS)
        runs = lab.train(
            f"table-{name}",
            {name: source},
            counts,
            EXAMPLES // BATCH,
            batch=BATCH,
            variant="exact",
        )
        rows += _read_lengths(runs, "table")
    learner = epx.families.Transformer(widths=(32,), depths=(1,), seeds=3)
    for name, source in TABLES.items():
        runs = lab.train(f"learner-{name}", {name: source}, learner, LEARNER_STEPS)
        rows += _read_lengths(runs, "transformer")
    return rows


def _read_lengths(runs: epx.Runs, learner: str) -> list[dict[str, Any]]:
    """Final rows, with the examples read at each record point and what they cost online."""
    rows = final_rows(runs, TEST_SEQUENCES, learner=learner)
    curves = {(curve.source, curve.seed): curve for curve in runs.curves()}
    for row in rows:
        curve = curves[row["source"], row["seed"]]
        assert curve.online is not None
        row["examples"] = int(curve.label_tokens[-1])
        row["read"] = curve.label_tokens.tolist()
        row["paid"] = [bits(paid) for paid in curve.online.sum_nats]
    return rows


def read_tables(rows: Rows) -> Findings:
    """Compare learners that store their examples with the sum over entries."""
    found = Findings("source")
    said = {"boolean": "Boolean function", "facts": "Zipf's facts"}
    for name, title in said.items():
        these = chosen(rows, source=name, learner="table")
        examples = these[0]["examples"]
        stored, left = tables_known(name, examples)
        value = mean(these, "model_bits", "model_error")
        found.add(f"S of a table, {title}", value, "bits", "S", x=title, oracle=stored)
        found.near(
            f"{title}: S of a table of {examples} examples is that of the entries seen, "
            f"{stored:.1f} bits, within 5 %",
            value,
            stored,
            0.05,
        )
        value = mean(these, "loss", "error")
        found.add(f"H of a table, {title}", value, "bits per label", "H", x=title, oracle=left)
        expected = f"{title}: the share of what was not seen is left, {left:.4f} bits, within 0.05"
        within(found, expected, value, left, 0.05)
        _compare_online(found, name, title, chosen(rows, source=name, learner="transformer"))
    return found


def _compare_online(found: Findings, name: str, title: str, rows: Rows) -> None:
    """Add the check that a transformer pays more online than a table, read as much of it.

    Its labels are each seed's own, so their sampling error shows over seeds.

    Args:
        found: receives value and check.
        name: name of the table.
        title: its title.
        rows: the transformer's runs.
    """
    expected = f"{title}: no learner pays less online than a table, on average over tables"
    point = unsaturated(name, rows[0]["read"])
    if point is None:
        found.check("sign", expected, "no record point is early enough", None)
        return
    examples = int(rows[0]["read"][point])
    stored, _ = tables_known(name, examples)
    value = mean([{**row, "online": row["paid"][point]} for row in rows], "online")
    named = f"online length of a transformer after {examples} examples, {title}"
    found.add(named, value, "bits", "Online length", x=title)
    found.greater(f"{expected}: more than {stored:.1f} bits for {examples} examples", value, stored)


def train_mixtures(lab: Lab) -> list[dict[str, Any]]:
    family = epx.families.Transformer(widths=(32,), depths=(2,), seeds=3)
    runs = lab.train("mixtures", MIXTURES, family, MIXTURE_STEPS, heldout=200_000)
    return final_rows(runs, LENGTH * TEST_SEQUENCES)


def read_mixtures(rows: Rows) -> Findings:
    """Compare bits a sequence with the entropy that the source computes."""
    found = Findings("mixture")
    said = {"periodic": "16 repeated words", "markov": "8 Markov chains"}
    for name, title in said.items():
        rate = epx.sources.open_source(MIXTURES[name]).info.entropy_rate_nats
        assert rate is not None
        known = LENGTH * bits(rate)
        value = mean(chosen(rows, source=name), "loss", "error").scaled(LENGTH)
        found.add(f"H, {title}", value, "bits per sequence", "H", x=title, oracle=known)
        expected = f"{title}: H is {known:.4f} bits a sequence, within 3 %"
        found.near(expected, value, known, 0.03)
    return found


def replayed(source: Config, read: int, times: int) -> Config:
    """A subsample of which training reads so many sequences in all, each so often."""
    own = read // times
    return epx.sources.Replay(
        times=times, source=epx.sources.Subsample(sequences=own * 10 // 9 + 16, source=source)
    )


def train_replay(lab: Lab) -> list[dict[str, Any]]:
    family = epx.families.Transformer(widths=(32,), depths=(1,), seeds=3)
    sources = {str(times): replayed(CHAIN, READ, times) for times in EPOCHS}
    runs = lab.train("replay", sources, family, READ // REPLAY_BATCH, variant="exact")
    rows = final_rows(runs, CHAIN.length * TEST_SEQUENCES)
    by_run = {(curve.source, curve.seed): curve for curve in runs.curves()}
    for row in rows:
        curve = by_run[row["source"], row["seed"]]
        assert curve.exact is not None
        read = curve.label_tokens[-1]
        row["trained"] = bits(curve.exact.sum_nats / read)
        # The variance is that of sequences read once; `times` readings repeat their errors.
        spread = curve.exact.sum_var * int(row["source"])
        row["trained_error"] = bits(math.sqrt(spread) / read)
    noise = replayed(DICE, 6400, 64)
    runs = lab.train("replayed-noise", {"noise": noise}, family, 400, batch=16, variant="exact")
    frontier = runs.frontier(DICE.length * TEST_SEQUENCES)
    for compute in frontier.budgets():
        at = frontier.at(compute)
        own = {"structure": at.epiplexity_bits, "entropy": at.entropy_bits_per_token}
        rows.append({"source": "noise", "seed": 0, "compute": compute} | own)
    return rows


def read_replay(rows: Rows) -> Findings:
    """Compare one reading with many of fewer sequences, at equal FLOPs."""
    found = Findings("readings")
    rate = epx.sources.open_source(CHAIN).info.entropy_rate_nats
    assert rate is not None
    known = bits(rate)
    by_times = {times: chosen(rows, source=str(times)) for times in EPOCHS}
    for times, these in by_times.items():
        value = mean(these, "loss", "error")
        found.add(f"H, {times} readings", value, "bits per label", "H", x=times, oracle=known)
        value = mean(these, "model_bits", "model_error")
        found.add(f"S, {times} readings", value, "bits", "S", x=times)
    once, often = by_times[EPOCHS[0]], by_times[EPOCHS[-1]]
    most = EPOCHS[-1]
    expected = f"read once: H is the entropy rate, {known:.4f} bits, within 3 %"
    found.near(expected, mean(once, "loss", "error"), known, 0.03)
    heldout = [mean(these, "loss", "error") for these in (often, once)]
    found.greater(f"{most} readings of 1/{most} of the data: H is higher", *heldout)
    expected = f"{most} readings: what was read costs less than the rate, as it is known by heart"
    found.below(expected, mean(often, "trained", "trained_error"), known)
    apart = difference(often, once, "mdl_bits", "mdl_error")
    found.greater("one epoch has the shorter code at equal FLOPs", apart, 0.0)
    noise = [row for row in rows if row["source"] == "noise"]
    at_most = max(abs(row["structure"]) for row in noise)
    width = math.log2(DICE.vocab_size)
    uniform = all(np.isclose(row["entropy"], width, rtol=1e-9) for row in noise)
    found.check(
        "oracle",
        f"noise read 64 times: S is 0 and H {width:g} bits a symbol at the budget of its runs",
        f"largest S {at_most:g} at {len(noise)} budgets",
        at_most == 0 and uniform,
    )
    return found


SCENARIOS = {
    "tables": Scenario(
        "Boolean functions and Zipf's facts",
        "Entries of a random table share nothing. After n examples a learner that stores them has "
        "paid for sum_k 1 - (1 - p_k)^n of them, once each, and the others stay: 2^d - n bits "
        "where no example came twice. Before an entry is seen any code pays as much on average.",
        train_tables,
        read_tables,
    ),
    "mixtures": Scenario(
        "Finite mixtures",
        "An observer that knows all models pays the entropy of a sequence whose model is not "
        "known: log2 K of K repeated words, a sum over all sequences of Markov chains.",
        train_mixtures,
        read_mixtures,
    ),
    "replay": Scenario(
        "Repeated data, one epoch against many",
        "All runs have equal FLOPs. No model predicts a Markov chain below its entropy rate, and "
        "nothing that is learnt by heart of noise helps with other noise.",
        train_replay,
        read_replay,
    ),
}
