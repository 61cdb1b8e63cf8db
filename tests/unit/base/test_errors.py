"""One class to catch, and few below it."""

import inspect

import pytest

import epiplexity_jax
from epiplexity_jax.base import errors
from epiplexity_jax.base.status import ResultStatus, RunStatus

ALL = [cls for _, cls in inspect.getmembers(errors, inspect.isclass)]


def test_every_error_is_caught_by_one_class():
    assert len(ALL) == 5
    for cls in ALL:
        with pytest.raises(epiplexity_jax.EpiplexityError, match="what and where"):
            raise cls("what and where")
        assert getattr(epiplexity_jax, cls.__name__) is cls


@pytest.mark.parametrize("cls", [errors.ConfigError, errors.DataError])
def test_wrong_values_are_value_errors(cls):
    assert issubclass(cls, ValueError)


def test_statuses_are_the_words_that_are_stored():
    assert {str(s) for s in RunStatus} == {"finished", "diverged"}
    assert {str(s) for s in ResultStatus} == {"ok", "untrained", "below_resolution", "negative"}
    assert ResultStatus("below_resolution") is ResultStatus.BELOW_RESOLUTION
