"""One random token, repeated: ln V nats for the first token and nothing for those after it.

A source with V sequences, so a model's true expected loss is a mean over all of them: statements
about it need no error bar, and those about held-out losses have the engine's.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import epiplexity_jax as epx
from epiplexity_jax.checkpoints.state_files import restore_state
from epiplexity_jax.engine.state import initial_state
from epiplexity_jax.engine.step import sequence_losses, shift
from epiplexity_jax.families import open_family
from epiplexity_jax.families.spec import Size, Task
from epiplexity_jax.sweep.config import Heldout, Training
from epiplexity_jax.sweep.final_states import state_folder

VOCAB, LENGTH = 8, 6
FLOOR = math.log(VOCAB) / LENGTH
SOURCE = epx.sources.Repeat(vocab_size=VOCAB, length=LENGTH)
TASK = Task(VOCAB, LENGTH, (True,) * LENGTH)
EVERY = np.repeat(np.arange(VOCAB)[:, None], LENGTH, axis=1)
MEMBERS = {
    # (family, training); counts take few and large steps, each of another size compiles a draw
    "transformer": (
        epx.families.Transformer(widths=(16,), depths=(1,), seeds=1),
        Training(steps=300, batch_size=32, warmup_steps=20),
    ),
    "ngram": (epx.families.Ngram(orders=(1,), seeds=1), Training(steps=8, batch_size=512)),
}


@pytest.fixture(scope="module")
def runs_of(tmp_path_factory):
    """The runs of a kind of family, trained when they are first asked for."""

    @functools.cache
    def run(kind):
        family, training = MEMBERS[kind]
        store = tmp_path_factory.mktemp(kind) / "store"
        return epx.run(
            SOURCE,
            family,
            recipe="fixed",
            store=store,
            training=training,
            heldout=Heldout(tokens=60_000),
        )

    return run


@pytest.mark.parametrize("kind", [pytest.param("transformer", marks=pytest.mark.slow), "ngram"])
def test_no_model_goes_below_the_floor_and_every_model_comes_close(kind, runs_of):
    """Close: what is left above the floor is under 2 % of what there was to learn."""
    (curve,) = runs_of(kind).curves()
    gap = math.log(VOCAB) - FLOOR
    assert curve.entropy_rate_nats == pytest.approx(FLOOR, rel=1e-12)
    assert curve.ema.loss_nats[0] == pytest.approx(math.log(VOCAB), rel=1e-6)
    above = curve.ema.adjusted() - FLOOR
    error = curve.ema.stderr_nats[-1]
    assert (above > -4 * error).all()
    assert above[-1] < 0.02 * gap + 4 * error
    assert 4 * error < 0.02 * gap


@pytest.mark.slow
def test_the_loss_is_ln_v_on_the_first_token_and_nothing_after_it(runs_of):
    runs = runs_of("transformer")
    model, params = trained(runs)
    inputs, labels = shift(jnp.asarray(EVERY), TASK)
    logits = model.logits(params, inputs)
    by_position = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(axis=0)
    first, rest = float(by_position[0]), np.asarray(by_position[1:])
    assert first >= math.log(VOCAB) * (1 - 1e-6)  # no distribution beats the uniform one
    assert first < 1.01 * math.log(VOCAB)
    assert (rest > 0).all()
    assert (rest < 0.02 * math.log(VOCAB)).all()

    # What the engine estimated from random sequences is the mean over all of them.
    (curve,) = runs.curves()
    expected = float(sequence_losses(model, params, jnp.asarray(EVERY)).mean()) / LENGTH
    assert expected == pytest.approx(float(by_position.mean()), rel=1e-5)
    assert abs(curve.ema.loss_nats[-1] - expected) < 4 * curve.ema.stderr_nats[-1] + 1e-6


def test_counts_of_one_token_back_close_in_at_their_known_rate(runs_of):
    """The expected excess over the floor, from Dirichlet counts (Krichevsky, Trofimov 1981).

    After n sequences each of V contexts has seen its one symbol m times, m binomial(n, 1/V) times
    L - 1; the first token costs (V - 1) / (2 n).
    """
    (curve,) = runs_of("ngram").curves()
    sequences = curve.steps[-1] * curve.batch_size
    seen = sequences / VOCAB * (LENGTH - 1)
    again = math.log((seen + VOCAB / 2) / (seen + 0.5))
    known = ((VOCAB - 1) / 2 / sequences + (LENGTH - 1) * again) / LENGTH
    above = curve.ema.loss_nats[-1] - FLOOR
    assert above == pytest.approx(known, abs=4 * curve.ema.stderr_nats[-1])
    assert curve.ema.stderr_nats[-1] < known


def trained(runs):
    """The model of the one run, and its averaged weights."""
    (row,) = runs.rows(test_tokens=1e6)
    model = open_family(MEMBERS["transformer"][0]).model(
        Size.of(width=16, depth=1), TASK, "float32", "cpu"
    )
    like = jax.eval_shape(lambda key: initial_state(model.init(key)), jax.random.key(0))
    state = restore_state(state_folder(runs.path, row["run_id"]), like)
    return model, jax.tree.map(jnp.asarray, state.ema)
