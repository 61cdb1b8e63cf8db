"""Pages of experiments, from results alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from epiplexity_jax.base.errors import ConfigError, StoreError
from epiplexity_jax.experiments.definition import load, names
from epiplexity_jax.experiments.page import (
    index_text,
    page_text,
    page_without_result,
    write_pages,
)
from epiplexity_jax.experiments.perform import Result, read_result

RESULTS = Path(__file__).parents[3] / "benchmarks/results/experiments"


def committed(name: str) -> Result:
    """The committed result of an experiment at the small size."""
    return read_result(RESULTS / f"{name}.json")


def test_a_page_has_the_question_checks_values_command_and_config(smoke):
    _, result = smoke
    text = page_text(result)
    assert f"# {result.experiment.title}" in text
    assert "![" in text
    for check in result.findings.checks:
        assert check.expected in text
    for value in result.findings.values:
        assert value.name in text
    assert "epiplexity-jax experiments run rule_order --size smoke" in text
    assert "rule15:" in text
    assert result.origin["machine"] in text


def test_the_verdict_counts_what_holds(smoke):
    _, result = smoke
    words = [check.word for check in result.findings.checks]
    said = (
        f"{words.count('holds')} of {len(words)} checks hold, {words.count('open')} not resolved, "
        f"{words.count('FAILS')} fail."
    )
    assert said in page_text(result)
    expected = result.experiment.phenomenon
    assert f"Expected: {expected}. Found: {said}" in index_text([result])


def test_files_are_written_and_the_index_links_them(smoke, tmp_path):
    _, result = smoke
    written = write_pages([result], tmp_path / "pages")
    pages = ["rule_order.md", "rule_order.png", "chess.md", "natural.md", "index.md"]
    assert [path.name for path in written] == pages
    assert written[1].read_bytes().startswith(b"\x89PNG")
    index = (tmp_path / "pages" / "index.md").read_text(encoding="utf-8")
    assert index == index_text([result])
    assert "(rule_order.md)" in index


def test_an_experiment_without_a_result_has_its_data_and_its_commands_on_its_page():
    chess = load("chess")
    text = page_without_result(chess)
    assert "*Figures 4c, 7 of Finzi et al. (2026); no committed result.*" in text
    assert f"- `lichess`, for `paper`: {chess.needs[0].what}." in text
    assert "cannot show the gap of S" in text
    assert "epiplexity-jax experiments run chess --size paper" in text
    assert "no committed result" in text
    assert "![" not in text


def test_the_index_lists_experiments_without_a_result(smoke):
    _, result = smoke
    text = index_text([result])
    _, _, rest = text.partition("## Without a committed result")
    missing, _, rest = rest.partition("## ")
    _, _, published = rest.partition("## Paper against ours")
    others = [name for name in names() if name != "rule_order"]
    assert all(f"| {name} |" in missing for name in others)
    assert "| rule_order |" not in missing
    assert "[Games of chess, read in two orders](chess.md)" in missing
    assert "no committed result" in published


def test_a_result_at_the_published_size_has_a_section_and_a_picture(paper, tmp_path):
    small = committed("rule_order")
    written = write_pages([paper, small], tmp_path)
    pages = [path.name for path in written[:3]]
    assert pages == ["rule_order.md", "rule_order.png", "rule_order-paper.png"]
    text = written[0].read_text(encoding="utf-8")
    assert text == page_text(small, paper)
    assert "sizes `small`, `paper`" in text
    main, _, section = text.partition("## At the published size\n")
    assert "](rule_order.png)" in main
    assert "](rule_order-paper.png)" not in main
    assert "](rule_order-paper.png)" in section
    for check in paper.findings.checks:
        assert check.expected in section
    assert all(value.name in section for value in paper.findings.values)
    assert "cells: 64, steps: 48" in section
    assert "check rule_order --size paper" in section
    alone = page_text(paper)
    assert "## At the published size" not in alone
    assert "](rule_order.png)" in alone


def test_the_index_has_both_sizes_in_its_tables(paper):
    text = index_text([paper, committed("rule_order")])
    checks, _, published = text.partition("## Paper against ours")
    assert "| rule_order | 3 | small | 3 | 0 | 1 | yes |" in checks
    assert "| rule_order | 3 | paper |" in checks
    assert "At size `paper`: " in checks
    assert "| published | ours at `small` | ours at `paper` | sign expected |" in published


def test_a_smoke_result_says_that_it_is_too_small(smoke, paper):
    _, result = smoke
    said = "Size smoke is too small to show the expected signs"
    assert said in page_text(result)
    assert said in index_text([result])
    assert said not in page_text(paper)
    assert said not in index_text([paper])


def test_what_was_changed_after_a_reading_is_on_the_page_and_marked_in_the_index(smoke):
    _, result = smoke
    assert result.experiment.changed
    never = replace(result, experiment=result.experiment.model_copy(update={"changed": ""}))
    page = "**Changed after a result had been seen.**", "no predictions"
    index = "*Changed after a reading.*", "| yes |", "as the table of checks marks: 3 (rule_order)."
    for mark in page:
        assert mark in page_text(result)
        assert mark not in page_text(never)
    for mark in index:
        assert mark in index_text([result])
        assert mark not in index_text([never])
    assert result.experiment.changed.strip() in page_text(result)
    assert "no predictions that were made before any result" in index_text([never])
    missing = load("chess").model_copy(update={"changed": "One check was added."})
    assert "seen.** One check was added. So these" in page_without_result(missing)


def test_no_result_two_of_one_experiment_and_a_file_for_a_folder_are_refused(smoke, tmp_path):
    _, result = smoke
    with pytest.raises(ConfigError, match="give one result or more"):
        write_pages([], tmp_path)
    with pytest.raises(ConfigError, match="rule_order at size smoke is given twice; choose one"):
        write_pages([result, result], tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be written"):
        write_pages([result], tmp_path / "file")
