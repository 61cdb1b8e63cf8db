"""Pictures: every kind of result can be drawn, in every format."""

import math
import re
from functools import cache

import numpy as np
import pytest

from epiplexity_jax import api
from epiplexity_jax.analysis import Curve, HeldoutLosses, Messages, StepCost, trace
from epiplexity_jax.analysis.scaling_law import CappedLaw
from epiplexity_jax.analysis.simulate import SimulatedNoise, sweep
from epiplexity_jax.base.errors import ConfigError, EpiplexityError
from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.coding import record_points
from epiplexity_jax.report.figures import (
    COLOURS,
    FORMATS,
    encodings,
    frontier_chart,
    length_row,
    looks,
    save,
)

LAW = CappedLaw(0.331, 0.566, 8.0e1, 2.66e6, 3.14, 256)
MAGIC = {
    ".png": b"\x89PNG\r\n\x1a\n",
    ".svg": b"<svg",
    ".pdf": b"%PDF-",
    ".html": b"<!DOCTYPE html>",
}


@cache
def law(sizes=(4_000, 16_000), seeds=3, noise=None):
    curves = sweep(LAW, sizes, record_points(300), 4_000_000, seeds, noise or SimulatedNoise())
    return trace(curves, test_tokens=1e9)


@cache
def noise(status=RunStatus.FINISHED):
    """Runs on noise: none beats the uniform code."""
    loss = math.log(256) + np.concatenate([[0.0], np.linspace(0.004, 0.001, 30)])
    blocks = loss[:, None] + 1e-4 * np.random.default_rng(0).standard_normal((31, 64))
    curve = Curve(
        source="noise",
        size="N1000",
        params=1000,
        vocab_size=256,
        steps=np.arange(31),
        cost=StepCost.dense(1000, 1000),
        ema=HeldoutLosses(loss, np.full(31, 1e-4), blocks),
        seed=0,
        status=status,
    )
    return trace([curve], test_tokens=1e9)


@cache
def taught():
    """A requential run, whose lengths have a certified bound."""
    steps, zeros = np.arange(31), np.zeros(31)
    loss, kl = 1.0 + (math.log(256) - 1.0) * np.exp(-steps / 5), 2e5 * (1 - np.exp(-steps / 5))
    curve = Curve(
        source="taught",
        size="N1000",
        params=1000,
        vocab_size=256,
        steps=steps,
        cost=StepCost.dense(1000, 1000),
        ema=HeldoutLosses(loss, np.full(31, 1e-4)),
        messages=Messages(kl, zeros, kl, zeros, 1.5 * kl, 1.5 * kl),
        estimator="requential",
        variants=("ema_student",),
        variant="ema_student",
        seed=0,
    )
    return trace([curve], test_tokens=1e6)


TITLES = {
    "mdl": "Two-part code: MDL_T",
    "epiplexity": "Epiplexity: S_T",
    "entropy": "Time-bounded entropy: H_T",
}
CASES = {
    "several sources": lambda: {"law": law(), "noise": noise()},
    "one source": lambda: {"law": law()},
    "single seed": lambda: {"law": law(seeds=1)},
    "certified": lambda: {"taught": taught(), "noise": noise()},
    "one member": lambda: {"law": law(sizes=(4_000,))},
    "untrained": lambda: {"noise": noise()},
    "no finished run": lambda: {"noise": noise(RunStatus.DIVERGED)},
    "one without a finished run": lambda: {"law": law(), "noise": noise(RunStatus.DIVERGED)},
    "nine sources": lambda: {f"noise {i}": noise(RunStatus.DIVERGED) for i in range(9)},
}


def rows_of(chart, what, source):
    """The rows behind the line of one length and one source, by compute."""
    drawn = chart.to_dict()
    (panel,) = (p for p in drawn["hconcat"] if TITLES[what] in str(p["title"]))
    line = next(x for x in panel["layer"] if x["mark"]["type"] == "line")
    rows = drawn["datasets"][line.get("data", panel.get("data"))["name"]]
    return sorted((r for r in rows if r["source"] == source), key=lambda row: row["compute"])


@pytest.mark.parametrize("case", CASES)
def test_every_case_can_be_drawn(case, tmp_path):
    frontiers = CASES[case]()
    chart = frontier_chart(frontiers)
    save(chart, tmp_path / "x.svg")
    drawn = (tmp_path / "x.svg").read_text(encoding="utf-8")
    words = [re.sub("<.*?>", "", words) for words in re.findall("<text.*?</text>", drawn)]
    for name in frontiers:
        assert name in words
    assert set(TITLES.values()) <= set(words)
    assert "NaN" not in drawn
    assert "Infinity" not in drawn


@pytest.mark.parametrize("what", TITLES)
def test_the_lines_are_what_the_frontier_says(what):
    frontier = law()
    rows = rows_of(frontier_chart({"law": frontier}), what, "law")
    assert len(rows) > 20
    for row in rows[::7]:
        d = frontier.at(row["compute"])
        assert row[what] == getattr(d, f"{what}_bits")
        ends = getattr(d, f"{what}_bits_interval")  # an open side has no shade
        drawn = tuple(row[what] if end is None else end for end in ends)
        assert (row[f"{what}_low"], row[f"{what}_high"]) == drawn
    assert rows[-1]["compute"] == pytest.approx(frontier.largest_compute)


def test_untrained_sources_show_the_uniform_code():
    chart = frontier_chart({"law": law(), "noise": noise(RunStatus.DIVERGED)})
    assert {row["epiplexity"] for row in rows_of(chart, "epiplexity", "noise")} == {0.0}
    assert {row["mdl"] for row in rows_of(chart, "mdl", "noise")} == {8e9}
    assert len(rows_of(chart, "mdl", "noise")) == len(rows_of(chart, "mdl", "law"))


def test_the_uniform_code_is_a_thin_line_a_source():
    chart = frontier_chart({"law": law(), "noise": noise()}).to_dict()
    rules = [[x for x in p["layer"] if x["mark"]["type"] == "rule"] for p in chart["hconcat"]]
    assert [len(found) for found in rules] == [1, 0, 0]
    rows = chart["datasets"][rules[0][0]["data"]["name"]]
    drawn = {row["source"]: row["mdl"] for row in rows}
    assert drawn == {"law": law().uniform_bits, "noise": noise().uniform_bits}


@pytest.mark.parametrize(("seeds", "said"), [(3, "95 % interval"), (1, "no interval")])
def test_a_panel_says_whether_intervals_are_drawn(seeds, said):
    _, *panels = frontier_chart({"law": law(seeds=seeds)}).to_dict()["hconcat"]
    assert all(said in panel["title"]["subtitle"] for panel in panels)


def test_sources_are_told_apart_by_colour_and_by_dashes():
    chart = frontier_chart({f"noise {i}": noise(RunStatus.DIVERGED) for i in range(8)}).to_dict()
    (line,) = (x for x in chart["hconcat"][1]["layer"] if x["mark"]["type"] == "line")
    for channel in ("color", "strokeDash"):
        scale = line["encoding"][channel]["scale"]
        assert scale["domain"] == [f"noise {i}" for i in range(8)]
        assert len({str(value) for value in scale["range"]}) == 8


def test_a_picture_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="no frontier"):
        frontier_chart({})


@pytest.fixture(scope="module")
def chart():
    return frontier_chart({"law": law(), "noise": noise()})


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_ending_is_its_format(suffix, chart, tmp_path):
    path = tmp_path / "new" / f"frontier{suffix}"
    save(chart, path)
    assert path.read_bytes().lstrip().startswith(MAGIC[suffix])


def test_the_page_loads_nothing_from_elsewhere(chart, tmp_path):
    save(chart, tmp_path / "x.html")
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|iframe)[^>]*\b(src|href)\s*=", page)
    assert not re.search(r"\bimport\s*\(?\s*[\"']https?:", page)
    assert not re.search(r"\bfrom\s*[\"']https?:", page)
    assert len(page) < 2e6


@pytest.mark.parametrize("name", ["x", "x.bmp", "x.PNGG", ".png.gz"])
def test_an_unknown_ending_is_one_line(name, chart, tmp_path):
    with pytest.raises(ConfigError) as refused:
        save(chart, tmp_path / name)
    assert "\n" not in str(refused.value)
    assert ".png, .svg, .pdf, .html" in str(refused.value)
    assert not (tmp_path / name).exists()


def test_a_file_that_cannot_be_written_is_one_line(chart, tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "x.svg", tmp_path / "x.svg" / "."):
        (tmp_path / "x.svg").mkdir(exist_ok=True)
        with pytest.raises(EpiplexityError, match=r"^figure: .* cannot be written: "):
            save(chart, path)


def test_a_frontier_draws_itself(tmp_path):
    traced = law(seeds=1)
    chart = api.plot(traced, tmp_path / "x.svg")
    assert (tmp_path / "x.svg").exists()
    assert rows_of(chart, "mdl", "law")
    assert api.plot({"a": traced}).to_dict() != chart.to_dict()


def test_certified_lengths_are_dotted_where_the_code_has_them():
    chart = frontier_chart({"taught": taught(), "noise": noise()})
    mdl, epiplexity, entropy = chart.to_dict()["hconcat"]
    for panel, drawn in ((mdl, True), (epiplexity, True), (entropy, False)):
        fields = [layer["encoding"]["y"]["field"] for layer in panel["layer"]]
        assert any(name.endswith("_certified") for name in fields) == drawn
        assert ("dotted" in panel["title"]["subtitle"]) == drawn
    last = rows_of(chart, "epiplexity", "taught")[-1]
    found = taught().at(last["compute"])
    assert last["epiplexity_certified"] == found.certified_bits > found.epiplexity_bits
    assert last["mdl_certified"] == found.certified_mdl_bits
    assert "dotted" not in str(frontier_chart({"noise": noise()}).to_dict())


def test_no_two_of_64_lines_look_the_same():
    found = [(colour, tuple(dash)) for colour, dash in looks(64)]
    assert len(set(found)) == 64
    assert [colour for colour, _ in found[:8]] == COLOURS
    assert looks(3) == looks(64)[:3]


def test_black_gives_way_to_the_ink_of_the_page():
    assert [colour for colour, _ in looks(8, "currentColor")].count("currentColor") == 1
    assert looks(8, "currentColor")[6][0] == "currentColor"
    assert looks(8)[6][0] == "#000000"


def test_channels_have_the_look_of_every_source():
    names = [f"s{i}" for i in range(9)]
    shared = encodings(names, "currentColor")
    for channel, place in (("color", 0), ("strokeDash", 1)):
        scale = shared[channel].to_dict()["scale"]
        assert scale["domain"] == names
        assert scale["range"] == [look[place] for look in looks(9, "currentColor")]


def test_a_row_has_lengths_with_intervals_and_open_sides_end_at_the_value():
    frontier = law()
    found = frontier.at(frontier.largest_compute)
    row = length_row(found)
    assert (row["source"], row["compute"]) == (found.source, frontier.largest_compute)
    assert row["status"] == "ok"
    assert None in found.epiplexity_bits_interval
    for what in ("mdl", "epiplexity", "entropy"):
        value, ends = getattr(found, f"{what}_bits"), getattr(found, f"{what}_bits_interval")
        low, high = (value if end is None else end for end in ends)
        assert (row[what], row[f"{what}_low"], row[f"{what}_high"]) == (value, low, high)


def test_a_row_of_one_seed_has_its_value_thrice():
    row = length_row(law(seeds=1).at(1e13))
    assert row["epiplexity_low"] == row["epiplexity"] == row["epiplexity_high"] > 0


def test_a_requential_row_has_its_certified_lengths():
    found = taught().at(taught().largest_compute)
    row = length_row(found)
    assert row["mdl_certified"] == found.certified_mdl_bits is not None
    assert length_row(law().at(1e13))["mdl_certified"] is None
