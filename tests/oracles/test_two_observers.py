"""Observers of a longer and of a shorter context end at entropies that are computed for each.

The observers are n-grams: order n counts labels by the n tokens before them, so it is the best
predictor that sees these alone, up to the price of counting.
"""

import functools
import math

import pytest

import epiplexity_jax as epx
from epiplexity_jax.sources.synthetic.in_context import absent_share
from epiplexity_jax.sources.synthetic.two_features import feature_entropies
from epiplexity_jax.sweep.config import Heldout, Training

LN2 = math.log(2)
STEPS, BATCH = 8, 4000
FEATURES = epx.sources.TwoFeatures(core_bits=1, spurious=0.8, core=0.9)
PARITY = epx.sources.Boolean(function="parity", bits=3, table_seed=1)
CONTEXT = {
    labels: epx.sources.InContext(
        classes=5, label_symbols=2, context=1, bursty=0.5, exponent=1.0, labels=labels
    )
    for labels in ("fixed", "fresh")
}
SOURCES = {
    # (source, nats per label token by order of the n-gram)
    "features": (
        FEATURES,
        {0: LN2, 1: feature_entropies(FEATURES).core, 2: feature_entropies(FEATURES).both},
    ),
    "parity": (PARITY, {2: LN2, 3: 0.0}),
    "flips": (
        epx.sources.FlipLabels(source=PARITY, rate=0.1),
        {2: LN2, 3: -0.1 * math.log(0.1) - 0.9 * math.log(0.9)},
    ),
    "in weights": (CONTEXT["fixed"], {1: 0.0, 3: 0.0}),
    "in context": (CONTEXT["fresh"], {1: LN2, 3: absent_share(CONTEXT["fresh"]) * LN2}),
    "addition": (epx.sources.ModularAddition(modulus=7), {1: math.log(7), 2: 0.0}),
    "facts": (epx.sources.ZipfFacts(facts=40, values=8), {1: 0.0}),
    "grammar": (epx.sources.Grammar(primitives=2, modifiers=2, clauses=1), {3: 0.0}),
    "copies": (epx.sources.LengthGeneralisation(lengths=(1, 2), symbols=2), {4: 0.0}),
    "words": (
        epx.sources.Mixture(of="periodic", models=16, vocab_size=8, length=6, period=5),
        {5: math.log(16) / 6},
    ),
}
CASES = [(name, order) for name, (_, losses) in SOURCES.items() for order in losses]


@pytest.fixture(scope="module")
def curves_of(tmp_path_factory):
    """Curves of n-grams by order, for a source."""

    @functools.cache
    def run(name):
        source, losses = SOURCES[name]
        runs = epx.run(
            source,
            epx.families.Ngram(orders=tuple(losses), seeds=1),
            recipe="fixed",
            store=tmp_path_factory.mktemp("counts") / "store",
            training=Training(steps=STEPS, batch_size=BATCH),
            heldout=Heldout(tokens=40_000),
        )
        return {curve.size: curve for curve in runs.curves()}

    return run


@pytest.mark.parametrize(("name", "order"), CASES)
def test_an_observer_ends_at_its_entropy(name, order, curves_of):
    """Within 4 standard errors, and a hundredth of a nat for counting 32,000 sequences."""
    source, losses = SOURCES[name]
    (curve,) = [c for size, c in curves_of(name).items() if size.endswith(str(order))]
    known = losses[order]
    assert abs(curve.ema.loss_nats[-1] - known) < 4 * curve.ema.stderr_nats[-1] + 0.01
    rate = epx.sources.open_source(source).info.entropy_rate_nats
    assert rate == pytest.approx(losses[max(losses)], abs=1e-12)
