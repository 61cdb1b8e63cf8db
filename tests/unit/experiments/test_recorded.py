"""The sweep that a file records: another size's, or another sweep, is refused."""

import copy
import json

import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.experiments import recorded
from epiplexity_jax.experiments.definition import load
from epiplexity_jax.experiments.perform import RESULT, read_result


@pytest.fixture
def attempt(smoke, tmp_path):
    """Read the file of a result with some changes to its parts."""

    def read(**changes):
        plain = json.loads((smoke[0] / RESULT).read_text(encoding="utf-8"))
        plain = copy.deepcopy(plain) | changes
        without = {key: value for key, value in plain.items() if value != "left out"}
        (tmp_path / "x.json").write_text(json.dumps(without), encoding="utf-8")
        return read_result(tmp_path / "x.json")

    return read


def test_a_run_records_its_sweep_and_its_sequences(smoke):
    plain = json.loads((smoke[0] / RESULT).read_text(encoding="utf-8"))
    assert plain["sweep"] == load("rule_order").config("smoke")
    assert plain["test_sequences"] == load("rule_order").sequences("smoke")


def test_a_file_from_before_that_is_read_and_records_none(attempt):
    old = attempt(sweep="left out", test_sequences="left out")
    assert {old.to_plain()[key] for key in recorded.KEYS} == {None}


@pytest.mark.parametrize("size", ["small", "paper"])
def test_a_file_whose_size_was_edited_is_refused(attempt, size):
    command = recorded.command_of("rule_order", size)
    old = dict.fromkeys(recorded.KEYS, "left out")
    again = f"of rule_order at size {size}"
    edits = [
        ({"size": size}, f"command: expected '{command}' {again}"),
        ({"size": size, **old}, f"command: expected '{command}' {again}"),
        ({"size": size, "command": command, **old}, f"is no size of the family {again}"),
    ]
    for changes, said in edits:
        with pytest.raises(DataError, match=said) as raised:
            attempt(**changes)
        assert str(raised.value).endswith("; give the file that `experiments run` wrote")
        assert "\n" not in str(raised.value)


def test_rows_of_more_seeds_and_of_another_estimator_are_refused(smoke, attempt):
    plain = json.loads((smoke[0] / RESULT).read_text(encoding="utf-8"))
    endings = [row | {"seeds": 3} for row in plain["endings"]]
    with pytest.raises(DataError, match="endings: expected at most 2 seeds of rule_order at size"):
        attempt(endings=endings)
    frontier = [row | {"estimator": "requential"} for row in plain["frontier"]]
    with pytest.raises(DataError, match="frontier: expected the prequential estimator of rule_"):
        attempt(frontier=frontier)


def test_another_sweep_and_another_number_of_sequences_are_refused(attempt):
    sweep = load("rule_order").config("smoke")
    longer = sweep | {"training": sweep["training"] | {"steps": 31}}
    with pytest.raises(DataError, match="sweep: its training differ from that of rule_order at s"):
        attempt(sweep=longer)
    with pytest.raises(DataError, match="sweep: unknown key 'a'"):
        attempt(sweep={"a": 1})
    with pytest.raises(DataError, match="test_sequences: expected 62500 of rule_order at size sm"):
        attempt(test_sequences=7)
