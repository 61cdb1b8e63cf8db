"""The checks on natural data, and values per token and per byte of the original."""

import math
from dataclasses import replace

import pytest

from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.experiments.phenomena.natural import read
from tests.unit.experiments.fake import (
    SEQUENCES,
    FakeMeasured,
    around,
    decomposed,
    outcome,
    outcomes,
)

LENGTHS = {"base64": 128.0}
RATES = {  # bits per token
    **{"text": 3.5, "shuffled": 4.7, "base64": 4.0, "bytecode": 4.3, "machine_code": 5.5},
    **{"headers": 3.0, "noise": 8.0, "cipher": 8.0},
}
BITS = dict.fromkeys(RATES, 2e3) | {"shuffled": 1e3, "noise": 0.0, "cipher": 0.0}
PAPER = {"web": 2.0, "pictures": 5.0, "noise": 8.0}


def measured(rates=RATES, bits=BITS, learnt=()):
    counts = {name: LENGTHS.get(name, 96.0) for name in rates}

    def answer(source, compute):
        ends = source in ("noise", "cipher") and source not in learnt
        status = ResultStatus.UNTRAINED if ends else ResultStatus.OK
        tokens = counts[source] * SEQUENCES
        whole = around(rates[source] * tokens)
        return decomposed(source, compute, around(bits[source]), whole, tokens, status)

    data = {name: around(rate * counts[name]) for name, rate in rates.items()}
    return FakeMeasured(data, {n: around(bits[n]) for n in rates}, counts, answer)


def test_all_hold_where_the_ends_are_noise_and_text_is_learnt():
    assert set(outcomes(read(measured())).values()) == {True}


def test_values_are_per_token_and_per_byte_of_the_original():
    values = {value.name: value.estimate.value for value in read(measured()).values}
    assert math.isclose(values["H of text in base64, per token"], 4.0)
    assert math.isclose(values["H of text in base64, per byte"], 4.0 / 0.75)
    assert values["H of text, per token"] == values["H of text, per byte"]
    assert math.isclose(values["S of text, per token"], 2e3 / (96 * SEQUENCES))
    assert values["S of text"] == 2e3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learnt": ("cipher",)}, "cipher teaches nothing"),
        ({"bits": BITS | {"text": -1.0}}, "text has structure"),
        ({"bits": BITS | {"shuffled": 3e3}}, "text has more structure than its characters"),
        ({"rates": RATES | {"shuffled": 3.0}}, "shuffled text has the greater entropy"),
        ({"rates": RATES | {"machine_code": 3.0}}, "a byte of machine code"),
        ({"rates": RATES | {"base64": 2.0}}, "base64 of text has the longer code"),
    ],
)
def test_a_sign_that_does_not_show_fails(changes, said):
    assert outcome(read(measured(**changes)), said) is False


def test_what_is_not_learnt_is_not_compared_with_text():
    found = read(measured(bits=BITS | {"base64": 0.0, "machine_code": 0.0}))
    assert outcome(found, "a byte of machine code") is None
    assert outcome(found, "base64 of text has the longer code") is None
    assert [c for c in found.checks if "no comparison" in c.found and "against" in c.found]


@pytest.mark.parametrize(
    ("status", "resolution", "holds"),
    [
        (ResultStatus.BELOW_RESOLUTION, 10.0, True),
        (ResultStatus.BELOW_RESOLUTION, 1e3, None),  # which would hide half of what text has
        (ResultStatus.NEGATIVE, 10.0, None),
    ],
)
def test_what_is_not_resolved_does_not_pass_for_nothing(status, resolution, holds):
    made = measured()
    found = made.answer
    assert found is not None

    def answer(source, compute):
        changes = {"status": status, "resolution_bits": resolution}
        return replace(found(source, compute), **changes if source == "noise" else {})

    made.answer = answer
    assert outcome(read(made), "noise teaches nothing") is holds


def test_bytecode_is_not_given_per_byte_of_the_source():
    names = {value.name for value in read(measured()).values}
    assert "H of bytecode, per token" in names
    assert "H of bytecode, per byte" not in names


def test_the_size_of_the_paper_compares_pages_and_pictures():
    bits = {"web": 3e3, "pictures": 1e3, "noise": 0.0}
    found = read(measured(PAPER, bits))
    assert set(outcomes(found).values()) == {True}
    found = read(measured(PAPER, bits | {"web": 1e2}))
    assert outcome(found, "S of web pages is greater") is False
