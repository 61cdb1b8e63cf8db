"""The JSON that a command printed."""

import json

import pytest


def only_json(called):
    assert called.status == 0, called.err

    def no_number(name):
        pytest.fail(f"{name} in JSON")

    return json.loads(called.out, parse_constant=no_number)
