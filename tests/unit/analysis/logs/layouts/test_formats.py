import pytest

from epiplexity_jax.analysis.logs.layouts.formats import FORMATS, described


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_every_format_has_steps_and_losses(form):
    groups = {name for line in form.lines for name in line.groupindex}
    assert {"step", "loss"} <= groups <= {"step", "loss", "val_loss", "tokens", "step_tokens"}
    assert all(text == text.lower() for text in form.needs)
    assert form.name in described(form)
    assert form.hints.kind in ("means", "batches")
    assert form.hints.first_step in (0, 1)


def test_a_unit_that_is_taken_for_granted_is_said():
    (fairseq,) = [form for form in FORMATS if form.name == "fairseq"]
    assert "losses are bits" in described(fairseq)
