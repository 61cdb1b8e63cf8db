"""The summary beside a page: strict JSON, and Markdown whose tables hold together."""

import json
import re
from dataclasses import replace

import pytest
from pydantic_core import to_jsonable_python

from epiplexity_jax._version import __version__
from epiplexity_jax.pages.build import page_of
from epiplexity_jax.pages.summary import summary_json, summary_markdown
from epiplexity_jax.results import load


@pytest.fixture(scope="module")
def document(small, small_page):
    plain = to_jsonable_python(summary_json(small, small_page, ["--floor", "ema"]))
    return json.loads(json.dumps(plain, allow_nan=False))


def test_the_answer_and_the_results_are_there(document, small, small_page):
    assert list(document)[0] == "version"
    assert document["version"] == __version__
    assert document["written"] == small_page.written
    assert document["answer"]["measured"] == small_page.answer.measured
    assert document["answer"]["sharper"] == small_page.answer.sharper
    assert [row["epiplexity_bits"] for row in document["frontier"]] == [
        one.epiplexity_bits for one in small.results
    ]
    assert len(document["floor_table"]) == len(small.floors)
    assert document["runs"] == 8
    assert document["commands"][-1].endswith("--floor ema")


def test_the_order_is_that_of_rank(document, folder, small):
    ranked = load(folder / "small").rank().to_json()
    plain = json.loads(json.dumps(to_jsonable_python(ranked)))
    assert {name: document[name] for name in ("rank", "differences", "changes")} == plain


def test_without_an_order_its_reason_is_there(law, law_page, small):
    assert summary_json(law, law_page)["unranked"] is None
    other = replace(small, rankings=None, unranked="rank: they do not compare")
    assert summary_json(other, law_page)["unranked"] == "rank: they do not compare"


def test_laws_have_their_source(law, law_page):
    (found,) = summary_json(law, law_page)["laws"]
    assert found["source"] == "text"
    assert found["points"] == 24
    json.dumps(to_jsonable_python(found), allow_nan=False)


def test_facts_and_notes_are_pairs(document):
    assert {"term": "code", "text": "prequential, paired, floor ema"} in document["facts"]
    assert {
        "sources": "text",
        "text": "the best model is its run's last record point: train for more steps",
    } in document["notes"]


def test_runs_of_tuning_are_not_counted(small, small_page):
    (store,) = small.stores
    rows = [row | {"role": "tuning"} if row["seed"] else row for row in store.rows]
    changed = replace(small, stores=[replace(store, rows=rows)])
    assert summary_json(changed, small_page)["runs"] == 4


def test_the_markdown_has_answer_table_order_notes_and_commands(small, small_page):
    text = summary_markdown(small, small_page)
    assert text.startswith("# What a model can learn from text and noise\n\nMeasured: 2 sources")
    assert text.endswith("\n```\n")
    for paragraph in small_page.answer.paragraphs:
        assert f"\n{paragraph}\n" in text
    assert "\n- No separated pair changes its order" in text
    assert "- text: the best model is the smallest of the family: add smaller sizes\n" in text
    assert "- code: prequential, paired, floor ema\n" in text
    block = text.partition("```bash\n")[2].partition("\n```")[0]
    assert block.splitlines() == small_page.commands


@pytest.mark.usefixtures("few_stops")
def test_a_bar_in_a_name_does_not_divide_a_cell(small):
    results = [replace(one, source="a|b") for one in small.results]
    text = summary_markdown(replace(small, results=results), page_of(small))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert "a\\|b" in text
    cells = {len(re.split(r"(?<!\\)\|", row)) for row in rows}
    assert len(cells) == 1
