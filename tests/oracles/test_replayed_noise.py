"""N random symbols replayed R times: memorised noise is paid for, and is no structure.

The exact model length of every run is positive and grows with R: the final model has the noise by
heart. On fresh noise it is worse than no model, so S_T is 0. Online losses above a held-out floor,
or held-out losses alone, would tell another story, so these variants are refused.
"""

import math

import numpy as np
import pytest
from scipy.special import gammaln

import epiplexity_jax as epx
from epiplexity_jax import analysis
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources.split import Split
from epiplexity_jax.sweep.config import Heldout, Prequential, Training

pytestmark = pytest.mark.slow
VOCAB, LENGTH, SEQUENCES, HELDOUT, BATCH = 16, 8, 120, 12, 12
PER_EPOCH = (SEQUENCES - HELDOUT) // BATCH
ORDER, ALPHA = 5, 0.01
TEST = 1e6
NGRAM = epx.families.Ngram(orders=(ORDER,), alpha=ALPHA, seeds=2)
TRANSFORMER = epx.families.Transformer(widths=(32,), depths=(1,), seeds=2)


def replayed(times):
    noise = epx.sources.Noise(vocab_size=VOCAB, length=LENGTH)
    return epx.sources.Replay(
        times=times, source=epx.sources.Subsample(sequences=SEQUENCES, source=noise)
    )


def run(family, times, store, estimator=None):
    return epx.run(
        replayed(times),
        family,
        estimator,
        recipe="fixed",
        store=store,
        training=Training(steps=PER_EPOCH * times, batch_size=BATCH, warmup_steps=20),
        heldout=Heldout(tokens=HELDOUT * LENGTH),
    )


@pytest.fixture(scope="module")
def by_family(tmp_path_factory):
    """Runs by family and by times; a smaller number of times reads the same noise less often."""
    wanted = {"ngram": (NGRAM, (2, 4, 16)), "transformer": (TRANSFORMER, (16, 64))}
    return {
        name: {
            times: run(family, times, tmp_path_factory.mktemp(name) / "store") for times in readings
        }
        for name, (family, readings) in wanted.items()
    }


FAMILIES = pytest.mark.parametrize("name", ["ngram", "transformer"])


def lengths(runs):
    """Bits of each seed's model, their standard errors, and the code of the tokens read."""
    scored = [analysis.score(curve, TEST) for curve in runs.curves()]
    read = runs.curves()[0].label_tokens[-1] * math.log2(VOCAB)
    return (
        np.array([one.model_bits[-1] for one in scored]),
        np.array([one.model_stderr[-1] for one in scored]),
        read,
    )


@FAMILIES
def test_memorised_noise_is_paid_for_and_the_more_the_oftener_it_is_read(name, by_family):
    before = np.zeros(2)
    for runs in by_family[name].values():
        bits, errors, read = lengths(runs)
        assert (bits > 5 * errors).all()
        assert (bits > before).all()
        assert (bits < read).all()
        before = bits


@FAMILIES
def test_no_budget_buys_structure_of_replayed_noise(name, by_family):
    for runs in by_family[name].values():
        frontier = runs.frontier(TEST)
        for compute in frontier.budgets():
            for strict in (False, True):
                found = frontier.at(compute, strict)
                assert (found.status, found.epiplexity_bits) == ("untrained", 0.0)
                assert found.variant == "exact"
                assert found.entropy_bits_per_token == pytest.approx(math.log2(VOCAB), rel=1e-12)


@FAMILIES
def test_who_knows_noise_by_heart_is_worse_than_no_model_on_fresh_noise(name, by_family):
    *_, most = by_family[name].values()
    for curve in most.curves():
        by_heart = curve.exact.sum_nats / curve.label_tokens[-1]
        assert by_heart < 0.6 * math.log(VOCAB)
        assert curve.ema.loss_nats[-1] > math.log(VOCAB) + 4 * curve.ema.stderr_nats[-1]


def memorised(times):
    """Bits of the exact area of Dirichlet counts, from the counts alone.

    Online a context with counts n costs log B(alpha) / B(n + alpha), whatever the order of its
    symbols, and the final counts cost sum_v n_v log (n + V alpha) / (n_v + alpha).
    """
    source = epx.sources.open_source(replayed(times))
    split = Split(source, HELDOUT, 0)
    read = split.chunks(0, 0, PER_EPOCH * times, BATCH).reshape(-1, LENGTH)
    counts = {}
    for row in read.tolist():
        padded = [VOCAB] * ORDER + row
        for i in range(ORDER, len(padded)):
            counts.setdefault(tuple(padded[i - ORDER : i]), np.zeros(VOCAB))[padded[i]] += 1
    n = np.array(list(counts.values()))
    total = n.sum(axis=1)
    online = gammaln(total + VOCAB * ALPHA) - gammaln(VOCAB * ALPHA)
    online = online.sum() - (gammaln(n + ALPHA) - gammaln(ALPHA)).sum()
    final = (n * np.log((total[:, None] + VOCAB * ALPHA) / (n + ALPHA))).sum()
    return (online - final) / math.log(2)


def test_the_area_of_counts_is_known_in_closed_form(by_family):
    for times, runs in by_family["ngram"].items():
        bits, _, _ = lengths(runs)
        assert bits == pytest.approx(memorised(times), rel=1e-9)


def test_counts_that_two_readings_convince_pay_nearly_n_log_v(by_family):
    """All but each sequence's first token, of which the context is everybody's."""
    bits, _, _ = lengths(by_family["ngram"][2])
    noise = (SEQUENCES - HELDOUT) * LENGTH * math.log2(VOCAB)
    assert (bits < noise).all()
    assert (bits > noise * (LENGTH - 1) / LENGTH).all()


@pytest.mark.parametrize("variant", ["paired", "online"])
def test_other_variants_are_refused_with_the_reason(variant, by_family, tmp_path):
    for runs in (by_family["ngram"][4], by_family["transformer"][16]):
        with pytest.raises(ConfigError, match=rf"variant: '{variant}'.* replayed \d+ times"):
            runs.frontier(TEST, variant=variant)
        with pytest.raises(ConfigError, match=r"replayed"):
            runs.rows(TEST, variant=variant)
    with pytest.raises(ConfigError, match=r"estimator\.variant: .* replays its data 4 times"):
        run(TRANSFORMER, 4, tmp_path / "store", Prequential(variant=variant))
    assert not (tmp_path / "store").exists()


def test_a_known_entropy_rate_is_refused_as_the_floor(by_family, tmp_path):
    with pytest.raises(ConfigError, match=r"estimator\.floor: .* replays its data"):
        run(NGRAM, 4, tmp_path / "store", Prequential(floor="entropy_rate"))
    with pytest.raises(ConfigError, match=r"floor: the exact variant ends at the final model"):
        by_family["ngram"][4].frontier(TEST, floor="entropy_rate")
