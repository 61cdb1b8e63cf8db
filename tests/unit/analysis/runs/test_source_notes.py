"""Notes on how data was read: each once, and none of older stores."""

from epiplexity_jax.analysis.runs.source_notes import source_notes
from tests.unit.store.stored import make_row


def test_each_note_is_given_once():
    rows = [make_row(source_notes=notes) for notes in (["a", "b"], ["b", "c"], [], None)]
    del rows[-1]["source_notes"]
    assert source_notes(rows) == ("a", "b", "c")
    assert source_notes([]) == ()
