"""The file of a result: what it refuses is in `test_perform`; what it reads is what was written."""

import math

from epiplexity_jax.base.config import parse
from epiplexity_jax.experiments.findings import Estimate, Findings, to_plain
from epiplexity_jax.experiments.result_file import ResultFile


def test_findings_come_back_as_they_were():
    found = Findings("x", notes=["said"], log_x=True)
    found.add("a", Estimate(3.0, 2.0, None), "bits", "panel", x=1.0, series="s", oracle=2.5)
    found.add("b", Estimate(math.nan), "bits", "panel", x="name")
    found.check("sign", "more", "3 against 1", None)
    text = dict.fromkeys(("experiment", "command", "code", "date", "machine"), "text")
    rest = {"size": "small", "versions": {}, "training_seconds": 1, "frontier": [], "endings": []}
    again = parse(ResultFile, to_plain(found) | text | rest).findings()
    assert again.values[0] == found.values[0]
    assert math.isnan(again.values[1].estimate.value)
    assert (again.checks, again.notes, again.log_x) == (found.checks, ["said"], True)
