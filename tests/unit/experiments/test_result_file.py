"""The file of a result: what it refuses is in `test_perform`; what it reads is what was written."""

import math
from dataclasses import fields

from epiplexity_jax.analysis.frontier.decomposition import Decomposition
from epiplexity_jax.base.config import parse
from epiplexity_jax.experiments.findings import Estimate, Findings, to_plain
from epiplexity_jax.experiments.result_file import FrontierRow, ResultFile
from tests.unit.experiments.fake import decomposed


def test_findings_come_back_as_they_were():
    found = Findings("x", notes=["said"], log_x=True)
    found.add("a", Estimate(3.0, 2.0, None), "bits", "panel", x=1.0, series="s", oracle=2.5)
    found.add("b", Estimate(math.nan), "bits", "panel", x="name")
    found.check("sign", "more", "3 against 1", None)
    text = dict.fromkeys(("experiment", "command", "code", "date", "machine"), "text")
    length = {"value": 1.0, "low": None, "high": 2.0}
    ending = {"source": "s", "size": "w", "params": 1, "seeds": 1, "status": "ok"}
    ending |= dict.fromkeys(("model", "data", "mdl"), length)
    row = decomposed("s", 1e9, Estimate(1.0), Estimate(2.0, 1.0, 3.0), 10.0).to_json()
    rest = {"size": "small", "versions": {}, "training_seconds": 1}
    rest |= {"frontier": [row], "endings": [ending]}
    again = parse(ResultFile, to_plain(found) | text | rest).findings()
    assert again.values[0] == found.values[0]
    assert math.isnan(again.values[1].estimate.value)
    assert (again.checks, again.notes, again.log_x) == (found.checks, ["said"], True)


def test_rows_of_the_frontier_have_the_fields_of_a_decomposition():
    assert set(FrontierRow.model_fields) == {one.name for one in fields(Decomposition)}
