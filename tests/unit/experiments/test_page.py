"""Pages of experiments, from results alone."""

import pytest

from epiplexity_jax.base.errors import ConfigError, StoreError
from epiplexity_jax.experiments.definition import load, names
from epiplexity_jax.experiments.page import (
    index_text,
    page_text,
    page_without_result,
    write_pages,
)


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


def test_no_result_two_of_one_experiment_and_a_file_for_a_folder_are_refused(smoke, tmp_path):
    _, result = smoke
    with pytest.raises(ConfigError, match="give one result or more"):
        write_pages([], tmp_path)
    with pytest.raises(ConfigError, match="rule_order is given twice"):
        write_pages([result, result], tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be written"):
        write_pages([result], tmp_path / "file")
