"""The checks on maps."""

from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.experiments.phenomena.transformations import read
from tests.unit.experiments.fake import (
    SEQUENCES,
    UNIFORM_BITS,
    FakeMeasured,
    around,
    decomposed,
    outcome,
    outcomes,
)

LENGTH = 16.0
RATES = {
    "text": 2.0,
    "reversed": 2.02,
    "encrypted": UNIFORM_BITS,
    "noise": UNIFORM_BITS,
    "computed": 0.1,
    "sorted": 2.5,
}


def measured(learnt=("text", "reversed", "computed", "sorted"), rates=RATES):
    def answer(source, compute):
        status = ResultStatus.OK if source in learnt else ResultStatus.UNTRAINED
        whole = around(rates[source] * LENGTH * SEQUENCES)
        return decomposed(source, compute, around(100.0), whole, LENGTH * SEQUENCES, status)

    data = {name: around(rate * LENGTH) for name, rate in rates.items()}
    bits = {name: around(100.0 if name in learnt else -100.0) for name in rates}
    counts, rate = dict.fromkeys(data, LENGTH), {"sorted": 2.49 * LENGTH}
    return FakeMeasured(data, bits, counts, answer, rate)


def test_all_hold_and_the_reversed_text_is_a_note():
    found = read(measured())
    assert set(outcomes(found).values()) == {True}
    assert found.notes[0].startswith("reversed text costs 1.00 % more")


def test_a_cipher_that_is_learnt_fails():
    found = read(measured(learnt=("encrypted", "computed"), rates=RATES | {"encrypted": 3.0}))
    assert outcome(found, "text, encrypted: nothing is learnt") is False
    assert outcome(found, "encrypted text costs") is False


def test_a_rule_that_is_not_learnt_fails():
    assert outcome(read(measured(learnt=())), "a rule applied to noise") is False


def test_sorting_that_does_not_save_its_bits_fails():
    assert outcome(read(measured(rates=RATES | {"sorted": 3.0})), "sorted noise costs") is False
