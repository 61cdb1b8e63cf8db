import json
import math

import numpy as np
import pytest

from epiplexity_jax.analysis.logs.estimate import estimate
from epiplexity_jax.analysis.logs.estimate_messages import estimate_messages
from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.layouts import package
from epiplexity_jax.analysis.logs.reading import read_curve, read_log
from epiplexity_jax.base.errors import DataError
from tests.unit.analysis.logs.files import VALUES, check, read

LN2 = math.log(2)
COUNTED = [1000 * i for i in range(1, 41)]
LOSSES = {"losses": VALUES, "loss_unit": "nats", "final_loss": 2.7}
REQUENTIAL = {
    "kl_values": [2.0, 1.0, 0.5],
    "token_counts": [1000, 2000, 1000],
    "final_loss": 2.5,
    "evaluation_tokens": 100_000,
    "loss_unit": "nats",
    "metadata": {"model": "small"},
}


def read_json(folder, document, **options):
    path = folder / "run.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return read_log(path, Layout(**options))


@pytest.mark.parametrize(
    ("tokens", "note"),
    [([1000] * 40, "the tokens of its own row"), (COUNTED, "do not begin at 0")],
)
def test_losses_without_a_first_one_at_0_are_means(tmp_path, tokens, note):
    document = LOSSES | {"tokens": tokens}
    curve = read(tmp_path, json.dumps(document), "run.json", tokens_per_step=None)
    check(curve)
    assert curve.heldout_nats == 2.7
    assert [note in said for said in curve.notes] == [True]
    bits = read_json(tmp_path, document | {"loss_unit": "bits"})
    assert bits.heldout_nats == pytest.approx(2.7 * LN2)
    assert bits.losses_nats == pytest.approx([v * LN2 for v in VALUES])


def test_losses_from_0_tokens_on_are_those_of_the_model_at_its_position(tmp_path):
    tokens = np.arange(0, 1_000_001, 5_000)
    losses = 6.0 - 0.5 * np.log1p(tokens / 5_000)  # straight in log(1 + tokens), so it is exact
    whole = 6e6 - 0.5 * (1_005_000 * math.log(201) - 1_000_000)
    document = {"tokens": tokens.tolist(), "losses": losses.tolist(), "final_loss": 3.0}
    curve = read_json(tmp_path, document)
    assert curve.evaluated
    assert "at its position" in curve.notes[0]
    found = estimate(curve, params=1, test_tokens=1e6)
    assert found.area_bits == pytest.approx((whole - 3e6) / LN2, rel=1e-9)
    lines = float(np.sum((losses[1:] + losses[:-1]) / 2 * 5_000))  # as the package has them
    assert found.area_bits == pytest.approx((lines - 3e6) / LN2, rel=2e-3)
    means = read_json(tmp_path, document, sampled=False)
    assert means.online_sum_nats == pytest.approx(5_000 * losses[1:].sum())
    halved = read_json(tmp_path, document, loss_divisor=2)
    assert halved.online_sum_nats == pytest.approx(whole / 2, rel=1e-9)


def test_the_last_loss_stands_in_for_a_final_one(tmp_path):
    curve = read_json(tmp_path, {"tokens": [0, *COUNTED], "losses": [5.0, *VALUES]})
    assert curve.heldout_nats is None
    found = estimate(curve, params=1, test_tokens=1e6, floor_rows=1)
    assert found.floor_nats == VALUES[-1]
    assert found.decomposition.floor == "last_rows"


def test_kl_values_are_summed_over_their_tokens(tmp_path):
    log = read_json(tmp_path, REQUENTIAL)
    found = estimate_messages(log, params=10_000, test_tokens=100_000)
    assert found.area_bits == pytest.approx(4500 / LN2, rel=1e-12)
    assert found.decomposition.entropy_bits == pytest.approx(250_000 / LN2, rel=1e-12)
    assert log.notes == ()
    bits = read_json(tmp_path, REQUENTIAL | {"loss_unit": "bits"})
    assert float(bits.sums_nats.sum()) == pytest.approx(4500 * LN2)
    assert bits.final_nats == pytest.approx(2.5 * LN2)


def test_a_curve_is_asked_for_where_there_are_messages(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(REQUENTIAL), encoding="utf-8")
    with pytest.raises(DataError, match="the KL of messages and no losses"):
        read_curve(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"token_counts": []}, "token_counts: expected a list of numbers"),
        ({"token_counts": None}, "token_counts: expected a list of numbers"),
        ({"kl_values": [1.0, "x", 2.0]}, "kl_values: expected a list of numbers"),
        ({"token_counts": [1, 2]}, "lists of one length, got 3 and 2"),
        ({"token_counts": [1000, 0, 1000]}, "message 2: 0 is no positive number of label tokens"),
        ({"token_counts": [1000, 1.5, 1000]}, "message 2: 1.5 is no whole number"),
        ({"kl_values": [1.0, -0.5, 2.0]}, "message 2: -0.5 is negative"),
        ({"kl_values": [1.0, math.nan, 2.0]}, "message 2: nan is no finite KL"),
        ({"loss_unit": "bits_per_byte"}, "loss_unit: expected nats or bits, got 'bits_per_byte'"),
        ({"final_loss": "2.5"}, "final_loss: expected a number of at least 0, got '2.5'"),
        ({"evaluation_tokens": -1}, "evaluation_tokens: expected a number of at least 0, got -1"),
    ],
)
def test_wrong_messages(tmp_path, change, said):
    with pytest.raises(DataError, match=said):
        read_json(tmp_path, REQUENTIAL | change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tokens": [1, 2]}, "tokens and losses must be lists of one length, got 2 and 40"),
        ({"losses": 3.0}, "losses: expected a list of numbers"),
        ({"loss_unit": "nat"}, "loss_unit: expected nats or bits"),
        ({"final_loss": -1.0}, "final_loss: expected a number of at least 0"),
    ],
)
def test_wrong_losses(tmp_path, change, said):
    with pytest.raises(DataError, match=said):
        read_json(tmp_path, LOSSES | {"tokens": COUNTED} | change)


def test_both_kinds_are_known_by_their_keys():
    assert package.matches(REQUENTIAL)
    assert package.matches({"tokens": [], "losses": []})
    assert not package.matches({"tokens": [], "loss": []})
