"""A store of an older version is read: its runs with the numbers that that version printed."""

import json
from pathlib import Path

import pytest

DATA = Path(__file__).parents[2] / "data"


@pytest.mark.parametrize("command", ["frontier", "runs"])
def test_results_of_an_old_store(call, command):
    called = call(command, DATA / "store_v1", "--json")
    assert called.status == 0, called.err
    found = json.loads(called.out)[command]
    wanted = json.loads((DATA / "store_v1.expected" / f"{command}.json").read_text())[command]
    assert len(found) == len(wanted)
    for row, old in zip(found, wanted, strict=True):
        assert row == {**dict.fromkeys(row), **approximate(old)}


def approximate(row):
    """The numbers of another machine's libm, in the last digits."""
    return {name: close(value) for name, value in row.items()}


def close(value):
    if isinstance(value, list):
        return [close(side) for side in value]
    return pytest.approx(value, rel=1e-9) if isinstance(value, float) else value


def test_an_old_store_stays_as_it_is(call):
    before = {path: path.read_bytes() for path in (DATA / "store_v1").rglob("*") if path.is_file()}
    call("frontier", DATA / "store_v1")
    after = {path: path.read_bytes() for path in (DATA / "store_v1").rglob("*") if path.is_file()}
    assert before == after
