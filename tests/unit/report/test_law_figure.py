import pytest

from epiplexity_jax.analysis.laws.examine import examine
from epiplexity_jax.analysis.laws.presets import PRESETS
from epiplexity_jax.analysis.laws.report import report
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.report.law_figure import law_chart
from tests.unit.analysis.laws.made import points_of


def test_every_law_is_a_line_in_both_panels():
    laws = [
        report(name, PRESETS[name].law, test_tokens=1e12, compute=[1e20, 1e24])
        for name in ("image_8x8", "language_chinchilla")
    ]
    document = law_chart(laws).to_dict()
    assert [panel["title"] for panel in document["hconcat"]] == [
        "Epiplexity: S_T",
        "Time-bounded entropy: H_T per token",
    ]
    for panel in document["hconcat"]:
        assert "x" in panel["layer"][0]["encoding"]


def test_a_law_without_answers_cannot_be_drawn():
    examined = examine(points_of(), draws=0)
    with pytest.raises(ConfigError, match="figure: there is no S_T to draw"):
        law_chart([report("x", examined.law, examined=examined)])
