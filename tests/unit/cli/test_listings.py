"""Lists of sources, families and devices."""

import pytest

from tests.unit.cli.documents import only_json


@pytest.mark.parametrize(
    ("command", "kind", "parameter"),
    [("sources", "elementary_ca", "rule"), ("families", "transformer", "widths")],
)
def test_listings(call, command, kind, parameter):
    kinds = {entry["kind"]: entry for entry in only_json(call(command, "--json"))[command]}
    assert parameter in [p["name"] for p in kinds[kind]["parameters"]]
    table = call(command).out
    assert all(name in table for name in (*kinds, parameter))


def test_devices(call):
    found = only_json(call("devices", "--json"))["devices"]
    assert found[0]["platform"] == "cpu"
    assert len(call("devices").out.splitlines()) == len(found)
