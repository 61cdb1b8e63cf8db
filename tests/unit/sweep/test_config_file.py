"""Config files and overrides."""

import pytest

from epiplexity_jax.sweep.config_file import read_config
from tests.unit.sweep.configs import parsed, sentence


def test_files_that_cannot_be_read(tmp_path):
    assert "no such config file" in sentence(tmp_path / "none.yaml")
    assert str(tmp_path) in sentence(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    assert "not UTF-8" in sentence(tmp_path / "latin.yaml")


def test_overrides_replace_add_and_keep_the_rest(good):
    sweep = parsed(
        good, "training.steps=20", "family.widths=[8, 16]", "sources.m.kind=noise", "seed=7"
    )
    assert (sweep.training.steps, sweep.training.batch_size, sweep.seed) == (20, 4, 7)
    assert sweep.family.widths == (8, 16)  # type: ignore[attr-defined]
    assert list(sweep.sources) == ["n", "m"]
    assert parsed(good, "seed=1", "seed=2").seed == 2
    assert parsed(good, "frontier.compute=").frontier.compute is None


@pytest.mark.parametrize("override", ["training.steps", "=5", "training..steps=5", ".a=1", "a.=1"])
def test_a_malformed_override_shows_the_form(good, override):
    said = sentence(good, override)
    assert repr(override) in said
    assert "training.steps=500" in said


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("training.steps.more=1", ["steps holds 8"]),
        ("family.widths=[1", ["family.widths=[1", "line 1"]),
    ],
)
def test_an_override_that_fits_nowhere(good, override, parts):
    said = sentence(good, override)
    assert all(part in said for part in parts), said


def test_an_override_of_a_blank_file_is_enough(tmp_path):
    path = tmp_path / "blank.yaml"
    path.write_text("", encoding="utf-8")
    sweep = parsed(path, "sources.n.kind=noise", "family.kind=ngram")
    assert sweep.family.kind == "ngram"  # type: ignore[attr-defined]


def test_a_pattern_of_files_is_text_and_no_alias(good):
    data = read_config(good, ["sources.book.path=*.txt"])
    assert data["sources"]["book"]["path"] == "*.txt"
