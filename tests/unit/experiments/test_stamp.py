"""The stamp of a result, and JSON that is none."""

import re

import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.experiments import stamp


def test_it_has_machine_versions_code_command_and_date():
    found = stamp.stamp("epiplexity-jax experiments run x")
    assert set(found) == set(stamp.KEYS) - {"training_seconds"}
    assert re.fullmatch(r"[0-9a-f]{12}", found["code"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found["date"])
    assert "CPU cores" in found["machine"]
    assert set(found["versions"]) == {"python", *stamp.PACKAGES}
    assert found["code"] == stamp.code()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "is not JSON"),
        (b'{"a": NaN}', "is not JSON"),
        (b"[1]", "got list"),
        (b'{"a":' * 100_000, "nests too deep"),
    ],
)
def test_other_files_are_refused(text, message, tmp_path):
    with pytest.raises(DataError, match=message):
        stamp.from_json(text, tmp_path / "x.json")


def test_a_document_is_read_back(tmp_path):
    text = stamp.as_json({"a": [1, None]})
    assert stamp.from_json(text.encode(), tmp_path) == {"a": [1, None]}
