"""The content of a page as plain values."""

import dataclasses

import pytest

from epiplexity_jax.report.page.content import Answer, Page


def test_an_answer_has_a_paragraph_a_part_and_none_that_is_empty():
    whole = Answer("Measured.", ["Found.", "More."], ["Sure."], ["Sharper."])
    assert whole.paragraphs == ["Measured.", "Found. More.", "Sure.", "Sharper."]
    assert Answer("Measured.", (), (), ()).paragraphs == ["Measured."]
    assert Answer("Measured.", ["Found."], [], ["Next."]).paragraphs == [
        "Measured.",
        "Found.",
        "Next.",
    ]


def test_a_page_cannot_be_changed():
    page = Page(title="t", version="1", written="now", answer=Answer("m", (), (), ()))
    assert (page.live, page.revision, page.charts) == (False, "", {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        page.title = "other"
