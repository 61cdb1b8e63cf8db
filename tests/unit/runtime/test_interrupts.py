"""A signal while training is noted, and obeyed at the end; a second one at once."""

import signal

import pytest

from epiplexity_jax.runtime.interrupts import Stop


def interrupt(stop, times):
    with stop.postponed():
        for count in range(times):
            assert stop() is (count > 0)
            signal.raise_signal(signal.SIGINT)
        assert stop()
    raise AssertionError("the signal was lost")


@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_is_obeyed_at_the_end_or_the_second_time(times):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    handler = signal.getsignal(signal.SIGINT)
    stop = Stop()
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupt(stop, times)
        assert stop.asked is signal.SIGINT
        assert signal.getsignal(signal.SIGINT) is handler
        assert signal.getsignal(signal.SIGTERM) is before[signal.SIGTERM]
    finally:
        signal.signal(signal.SIGINT, before[signal.SIGINT])


def test_without_a_signal_nothing_happens():
    stop = Stop()
    before = signal.getsignal(signal.SIGINT)
    with stop.postponed():
        assert signal.getsignal(signal.SIGINT) is not before or before is signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) is before
    assert not stop()
