"""Notes on data and models: each once, and older stores without them."""

from epiplexity_jax.analysis.runs.notes import run_notes
from tests.unit.store.stored import make_row


def test_each_note_is_given_once():
    rows = [make_row(notes=notes) for notes in (["a", "b"], ["b", "c"], [], None)]
    del rows[-1]["notes"]
    assert run_notes(rows) == ("a", "b", "c")
    assert run_notes([]) == ()
