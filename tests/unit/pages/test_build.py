"""The page of a report: stops of the slider, chosen runs, cells, key and notes."""

from dataclasses import replace

import numpy as np
import pytest

from epiplexity_jax.analysis.runs.loss_area import loss_area
from epiplexity_jax.pages.build import notes, page_of, stops
from epiplexity_jax.report.edges import status_cell
from epiplexity_jax.report.figures import looks
from epiplexity_jax.report.numbers import number, with_interval
from epiplexity_jax.report.page.chart_style import INK
from epiplexity_jax.report.page.render import render
from tests.unit.analysis.ranking.made import flat, middle, source
from tests.unit.pages.made import report_of


@pytest.fixture(params=["small_page", "law_page"])
def pair(request):
    """A report and its page."""
    page = request.getfixturevalue(request.param)
    return request.getfixturevalue(request.param.removesuffix("_page")), page


def test_stops_hold_every_budget_and_rise(pair):
    report, page = pair
    assert set(report.budgets) <= set(page.budgets)
    assert all(np.diff(page.budgets) > 0)
    assert len(page.budgets) > 20
    assert page.budgets[page.start] == report.largest
    assert page.stops == [number(budget) for budget in page.budgets]
    assert len(set(page.stops)) == len(page.stops)


def test_stops_lie_within_the_runs_and_the_budgets(pair):
    report, page = pair
    reach = max(frontier.largest_compute for frontier in report.frontiers.values())
    least = min(frontier.points.time_flops[0] for frontier in report.frontiers.values())
    assert page.budgets[-1] <= max(reach, report.largest)
    assert page.budgets[0] >= min(least, *report.budgets)


def test_the_last_stop_is_not_rounded_beyond_the_runs(small):
    frontier = source(1, sizes=(4_001, 16_137))  # three digits of its last budget lie above it
    assert float(f"{frontier.largest_compute:.3g}") > frontier.largest_compute
    found = stops(report_of(small, {"one": frontier}, [frontier.largest_compute / 10]))
    assert found[-1] == frontier.largest_compute
    assert "carried" not in frontier.at(found[-1]).flags


def test_one_budget_beyond_the_runs_is_still_a_stop(small):
    far = 10 * source(1).largest_compute
    found = stops(report_of(small, {"one": source(1)}, [far]))
    assert found[-1] == far


def test_the_readout_is_that_of_the_frontiers(pair):
    report, page = pair
    for i in (0, page.start // 2, page.start):
        for cells, frontier in zip(page.readout[i], report.frontiers.values(), strict=True):
            one = frontier.at(page.budgets[i])
            assert cells == [
                one.source,
                with_interval(one.epiplexity_bits, one.epiplexity_bits_interval),
                with_interval(one.entropy_bits, one.entropy_bits_interval),
                with_interval(one.mdl_bits, one.mdl_bits_interval),
                one.member,
                number(one.params),
                number(one.train_tokens),
                status_cell(one),
            ]
    assert len(page.readout_columns) == len(cells)


def test_chosen_runs_are_of_the_source_and_of_its_best_model(pair):
    report, page = pair
    curves = [curve for own in report.curves.values() for curve in own]
    assert len(page.runs) == len(curves)
    for budget, row in zip(page.budgets, page.chosen, strict=True):
        for name, place in zip(report.frontiers, row, strict=True):
            one = report.frontiers[name].at(budget)
            if place is None:
                assert one.params not in {curve.params for curve in report.curves[name]}
                continue
            assert list(report.frontiers)[page.runs[place].source] == name
            assert curves[place].params == one.params
            assert f"{curves[place].size}, seed {curves[place].seed}" in page.runs[place].label


def test_the_run_that_is_shown_first_is_chosen_at_the_start(pair):
    _, page = pair
    assert page.first_run in page.chosen[page.start]
    assert page.charts["area"]["params"][0] == {"name": "run", "value": page.first_run}


def test_runs_have_the_length_of_their_model(pair):
    report, page = pair
    rows = {row["run_id"]: row for one in report.stores for row in one.rows}
    curves = [curve for own in report.curves.values() for curve in own]
    for run, curve in zip(page.runs, curves, strict=True):
        assert run.bits == number(rows[curve.run_id]["model_bits"])


def test_areas_add_up_to_the_lengths_of_the_models(law):
    (frontier,) = law.frontiers.values()
    rows = {row["run_id"]: row for row in law.stores[0].rows}
    for curve in law.curves["text"]:
        area = loss_area(curve, frontier.test_tokens, frontier.variant, frontier.floor)
        assert area.bits == pytest.approx(rows[curve.run_id]["model_bits"], rel=1e-2)


def test_labels_name_the_source_where_there_are_several(small_page, law_page):
    assert small_page.runs[0].label == "text, width 10 depth 1, seed 0"
    assert law_page.runs[0].label == "width 10 depth 1, seed 0"


def test_the_key_has_the_look_of_every_source(small_page):
    (text, noise) = small_page.key
    assert (text.name, text.colour, text.dash) == ("text", looks(1)[0][0], "")
    assert (noise.name, noise.colour, noise.dash) == ("noise", looks(2)[1][0], "6 3")


@pytest.mark.usefixtures("few_stops")
def test_black_is_the_ink_of_the_page(small):
    frontiers = {f"n{i}": flat(i) for i in range(7)}
    page = page_of(report_of(small, frontiers, [1e10]))
    assert page.key[6].colour == INK
    assert page.title == "What a model can learn from 7 sources"


def test_notes_appear_once_with_all_their_sources(small_page, small):
    texts = [note.text for note in small_page.notes]
    assert len(set(texts)) == len(texts)
    about = {note.text: note.about for note in small_page.notes}
    assert about["train.bin names no dtype: its tokens were read as uint16"] == ""
    assert about["the best model is the smallest of the family: add smaller sizes"] == "text"
    said = {text for one in small.results for text in one.warnings}
    assert said <= set(texts)


def test_a_note_on_two_of_three_sources_names_both(small):
    frontiers = {"one": source(1), "two": source(2), "more": source(3, share=2.0)}
    report = report_of(small, frontiers, [middle(*frontiers.values())])
    results = [
        replace(one, warnings=("look at it",)) if one.source != "two" else one
        for one in report.results
    ]
    found = {note.text: note.about for note in notes(replace(report, results=results))}
    assert found["look at it"] == "one and more"


def test_the_page_has_the_words_of_its_parts(small_page, small, law_page):
    assert small_page.title == "What a model can learn from text and noise"
    assert small_page.commands[-1].endswith("--floor ema")
    assert small_page.configs == [("small", small.stores[0].config)]
    assert small_page.order == [
        "No separated pair changes its order with T, the variant (switch, online), the floor (raw)."
    ]
    assert (law_page.order, law_page.rankings) == ([], [])
    assert law_page.laws[0].startswith("A loss law fitted to 24 losses of text")


def test_charts_are_those_of_what_there_is(small_page, law_page):
    names = {"mdl", "epiplexity", "entropy", "code", "structure", "rate", "area", "runs", "small"}
    assert set(law_page.charts) == names
    assert set(small_page.charts) == names | {"values-0", "ranks-0"}


@pytest.mark.usefixtures("few_stops")
def test_observers_keep_the_colours_of_their_sources(both):
    page = page_of(both)
    colours = {one.name: one.colour for one in page.key}
    for i, store in enumerate(("small", "other")):
        for layer in page.charts[f"values-{i}"]["layer"][0]["layer"]:
            scale = layer["encoding"]["color"]["scale"]
            drawn = dict(zip(scale["domain"], scale["range"], strict=True))
            assert {name: drawn[name] for name in ("text", "noise")} == {
                name: colours[f"{store}: {name}"] for name in ("text", "noise")
            }


@pytest.mark.usefixtures("few_stops")
def test_recipes_are_drawn_where_one_was_chosen(small):
    row = {"source": "text", "size": "width 10", "learning_rate": 0.1, "batch_size": 64}
    row |= {
        "warmup_steps": 10,
        "ema_growth": 0.1,
        "max_kl": None,
        "train_tokens": 1e4,
        "mdl_bits_by_seed": {},
    }
    row |= {"epiplexity_bits": 5.0, "mdl_bits": 1e6, "chosen": True}
    recipes = [row, row | {"learning_rate": 0.2, "mdl_bits": 1.1e6, "chosen": False}]
    page = page_of(replace(small, recipes=recipes))
    drawn = page.charts["recipes"]["datasets"]["recipes"]
    assert [one["over"] for one in drawn] == pytest.approx([0.0, 0.1])
    assert "recipes" in page.tables


@pytest.mark.usefixtures("few_stops")
def test_a_live_page_has_its_own_fields_and_charts(small):
    page = page_of(small, live=True, watch="w", revision="3", charts={"settling": {"mark": "line"}})
    assert (page.live, page.watch, page.revision) == (True, "w", "3")
    assert page.charts["settling"] == {"mark": "line"}
    assert "mdl" in page.charts


@pytest.mark.usefixtures("few_stops")
def test_an_order_without_anything_to_look_for_has_no_sentence(small):
    frontiers = {"one": source(1), "more": source(3, share=2.0)}
    page = page_of(report_of(small, frontiers, [middle(*frontiers.values())]))
    assert page.order == []
    assert page.rankings == ["0"]
    assert '<section id="order"' in render(page)
