import pytest

from epiplexity_jax.analysis import trace
from epiplexity_jax.analysis.laws.examine import examine
from epiplexity_jax.analysis.laws.presets import PRESETS
from epiplexity_jax.analysis.laws.report import report
from epiplexity_jax.report import law_tables
from tests.unit.analysis.frontier.made import TEST, law_sweep
from tests.unit.analysis.laws.made import points_of


@pytest.fixture(scope="module")
def examined():
    return examine(points_of(noise=0.003), drop_highest=1, draws=8)


def cells(table, row):
    return dict(zip((column.name for column in table.columns), table.rows[row], strict=True))


def test_a_law_is_one_line():
    laws = [report(n, p.law, test_tokens=1e12, compute=[1e24]) for n, p in PRESETS.items()]
    table = law_tables.presets_table(laws)
    assert len(table.rows) == len(PRESETS)
    row = cells(table, list(PRESETS).index("language_chinchilla"))
    assert row == {
        "law": "language_chinchilla",
        **{"alpha": "0.339", "beta": "0.285", "N0": "4.91e7", "D0": "1.49e9"},
        **{"E, nats": "1.690", "S, bits": "9e10"},
    }


def test_answers_end_with_the_limit():
    law = PRESETS["language_chinchilla"].law
    table = law_tables.answers_table(
        report("x", law, test_tokens=1e12, vocab_size=32_000, compute=[1e15, 1e24])
    )
    assert [row[-1] for row in table.rows] == ["untrained", "ok", "ok"]
    assert cells(table, 1)["bits/token"] == "2.7806"
    assert cells(table, 2)["T, FLOPs"] == cells(table, 2)["N"] == "no limit"
    assert "untrained below T = 2.09e17" in table.caption


def test_intervals_take_the_place_of_the_whole_entropy(examined):
    table = law_tables.answers_table(
        report("x", examined.law, test_tokens=1e8, examined=examined, compute=[1e12])
    )
    assert "H_T, bits" not in [column.name for column in table.columns]
    row = cells(table, 0)
    assert {"+", "±"} & set(row["S_T, bits"])
    assert "±" in row["H_T, bits/token"]
    assert cells(table, 1)["status"] == "ok *"


def test_a_fit_is_followed_by_its_errors_and_by_other_choices(examined):
    table = law_tables.fit_table(examined)
    names = [row[0] for row in table.rows]
    assert names[:5] == ["fit", "standard error", "95 %, low", "95 %, high", "with the 1 dropped"]
    assert cells(table, 0)["losses"] == "15"
    assert "held out: " in table.caption
    assert "8 draws of runs" in table.caption
    narrow = points_of((1e3, 3e3, 1e4), lengths=(1e5, 1e6))
    bare = law_tables.fit_table(examine(narrow, draws=0))
    assert "no law is identified" in bare.caption
    assert [row[0] for row in bare.rows][:1] == ["fit"]


def test_areas_stand_beside_the_closed_form():
    traced = trace(law_sweep(), test_tokens=TEST, procedure="fitted").traced
    table = law_tables.areas_table({"text": traced})
    row = cells(table, 2)
    assert (row["source"], row["size"], row["loss/law"]) == ("text", "N64000", "+0.00%")
    assert row["transient"][0] in "+-"
