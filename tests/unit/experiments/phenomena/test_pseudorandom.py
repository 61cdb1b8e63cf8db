"""The checks on generators: a boundary that moves, a cipher that is broken."""

from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.experiments.phenomena.pseudorandom import read
from tests.unit.experiments.fake import FakeMeasured, around, decomposed, outcome, outcomes

NAMES = ("LFSR__degree_8", "LCG__low_8_bits", "LFSR__degree_32", "Threefry__20_rounds")


LADDER = tuple(f"ChaCha__{n}_rounds" for n in (1, 2, 4, 20))


def measured(late=("LFSR__degree_8", "LCG__low_8_bits"), early=("LCG__low_8_bits",), names=NAMES):
    def answer(source, compute):
        is_learnt = source in (late if compute > 5e11 else early if compute > 5e9 else ())
        status = ResultStatus.OK if is_learnt else ResultStatus.UNTRAINED
        bits = 0.1 if is_learnt else 1.0
        return decomposed(source, compute, around(100.0), around(bits * 1e4), 1e4, status)

    return FakeMeasured(counts=dict.fromkeys(names, 128.0), answer=answer)


def test_all_hold_where_the_boundary_moves_and_ciphers_stand():
    found = read(measured())
    assert set(outcomes(found).values()) == {True}
    assert {value.x for value in found.values} >= {"LFSR, degree 8", "Threefry, 20 rounds"}


def test_a_broken_cipher_fails():
    found = read(measured(late=(*NAMES,)))
    assert outcome(found, "Threefry, 20 rounds teaches nothing") is False


def test_a_long_register_that_is_learnt_fails():
    found = read(measured(late=(*NAMES[:3],)))
    assert outcome(found, "LFSR, degree 32 is not learnt") is False


def test_more_rounds_are_not_learnt_where_fewer_are_not():
    found = {
        learnt: outcome(
            read(measured(late=learnt, early=(), names=LADDER)), "up to some number of rounds"
        )
        for learnt in ((), LADDER[:1], LADDER[:3], LADDER[1:3], LADDER)
    }
    assert list(found.values()) == [True, True, True, False, True]
    whole = read(measured(late=LADDER, early=(), names=LADDER))
    assert outcome(whole, "ChaCha, 20 rounds teaches nothing") is False


def test_a_boundary_that_stands_still_fails():
    found = read(measured(early=("LFSR__degree_8", "LCG__low_8_bits")))
    assert outcome(found, "the boundary moves") is False
    found = read(measured(late=(), early=()))
    assert outcome(found, "the boundary moves") is False
    assert outcome(found, "LFSR, degree 8 is learnt") is False
