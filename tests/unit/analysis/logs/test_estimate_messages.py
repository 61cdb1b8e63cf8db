import math
import re

import numpy as np
import pytest

from epiplexity_jax import coding
from epiplexity_jax.analysis import HeldoutLosses, Messages, score
from epiplexity_jax.analysis.logs.estimate_messages import estimate_messages
from epiplexity_jax.analysis.logs.message_log import MessageLog
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.runs.made import LOSS, STEPS, make

LN2 = math.log(2)


def made(**fields):
    values = {"final_nats": 2.5, "data_tokens": 1e6}
    columns = {"kl_nats": np.array([2.0, 1.0, 0.5]), "label_tokens": np.array([1e3, 2e3, 1e3])}
    return MessageLog(name="run.json", **(columns | values | fields))


def estimated(log, **options):
    return estimate_messages(log, **({"params": 1000, "test_tokens": 1e6} | options))


def test_lengths_and_time_are_those_of_the_definition():
    found = estimated(made(tokens_per_label=1.5))
    d = found.decomposition
    assert d.epiplexity_bits == found.area_bits == pytest.approx(4500 / LN2)
    assert d.entropy_bits == pytest.approx(2.5e6 / LN2)
    assert d.compute_flops == pytest.approx(6 * 1000 * 6000 + 2 * 1000 * 1e6 * 1.5)
    messages = coding.certified_length(np.array([2000.0, 2000.0, 500.0]))
    assert d.certified_bits == pytest.approx(messages[-1])
    assert (d.estimator, d.status, d.floor, d.train_tokens) == ("requential", "ok", "column", 6000)
    assert d.epiplexity_bits_interval is d.resolution_bits is None
    assert found.label_tokens == 4000


def test_the_uniform_code_competes():
    found = estimated(made(), vocab_size=32, test_tokens=100.0)
    d = found.decomposition
    assert (d.status, d.epiplexity_bits, d.certified_bits) == ("untrained", 0.0, None)
    assert d.entropy_bits == pytest.approx(500)
    assert "not the sum of KL of 6492 bits" in d.warnings[0]


def test_the_held_out_loss_is_given_or_asked_for():
    d = estimated(made(), floor_nats=2.0).decomposition
    assert (d.floor, d.entropy_bits) == ("given", pytest.approx(2e6 / LN2))
    with pytest.raises(ConfigError, match="--floor: run.json has the KL of messages and no final"):
        estimated(made(final_nats=None))


@pytest.mark.parametrize(
    ("fields", "options", "said"),
    [
        ({"kl_nats": np.array([2e3, 2e3, 5e2])}, {}, "above ln 10\\^6 = 13.82.*--loss-divisor"),
        ({}, {"vocab_size": 4}, "2 nats a token, is above ln V = 1.386"),
        ({}, {"test_tokens": 2e6}, "2e\\+06 tokens, as --test-tokens says; the file's .* 1e\\+06"),
        ({}, {}, "the file's 3 messages"),
    ],
)
def test_sentences(fields, options, said):
    warnings = " | ".join(estimated(made(**fields), **options).decomposition.warnings)
    assert re.search(said, warnings)


def test_a_usual_log_has_no_sentence_on_its_scale():
    warnings = " | ".join(estimated(made(), vocab_size=50).decomposition.warnings)
    assert "above ln" not in warnings
    assert "evaluation_tokens" not in warnings


def test_a_run_of_our_own_has_the_same_lengths_by_its_messages():
    kl, zeros = np.array([0.0, 2.0, 4.0, 6.0, 8.0]), np.zeros(5)
    certified = np.append(0.0, coding.certified_length(np.diff(kl)))
    run = make(
        raw=HeldoutLosses(LOSS + 0.01 * (STEPS > 0)),
        messages=Messages(kl, zeros, kl, zeros, certified, certified),
        estimator="requential",
        variants=("student",),
        variant="student",
    )
    own, labels = score(run, 1000.0, "student", "raw"), 10.0
    log = MessageLog(name="run.json", kl_nats=np.diff(kl) / labels, label_tokens=np.full(4, labels))
    floor = float(LOSS[-1] + 0.01)
    found = estimated(log, params=run.params, test_tokens=1000.0, floor_nats=floor).decomposition
    assert found.epiplexity_bits == pytest.approx(own.model_bits[-1], rel=1e-12)
    assert found.entropy_bits == pytest.approx(own.data_bits[-1], rel=1e-12)
    assert found.certified_bits == pytest.approx(own.certified_bits[-1], rel=1e-12)
    assert found.compute_flops == pytest.approx(own.time_flops[-1], rel=1e-12)
