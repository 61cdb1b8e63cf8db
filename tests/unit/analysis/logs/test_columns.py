import pytest

from epiplexity_jax.analysis.logs.columns import choose, find
from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.names import LOSSES, STEPS
from epiplexity_jax.analysis.logs.table import LogTable
from epiplexity_jax.base.errors import ConfigError


def table(**columns):
    return LogTable(columns, range(2, 2 + len(next(iter(columns.values())))))


def chosen(made, floor_known=False, **options):
    return choose("x.csv", made, Layout(**options), floor_known)


def test_a_counter_that_never_counted_is_no_axis():
    made = table(total_tokens=["0"] * 3, current_steps=[1, 2, 3], loss=[3, 2, 1])
    with pytest.raises(ConfigError, match="counts steps.*'total_tokens' is 0 in every row"):
        chosen(made)
    found = chosen(made, tokens_per_step=10.0)
    assert (found.position, found.tokens_per_unit, found.counts_steps) == (
        "current_steps",
        10,
        True,
    )
    assert chosen(made, tokens_column="total_tokens").position == "total_tokens"


def test_a_column_of_the_tokens_of_a_row_is_no_axis():
    made = table(tokens=[8192] * 3, step=[1, 2, 3], loss=[3, 2, 1])
    with pytest.raises(ConfigError, match="'tokens' is 8192 in every row, so tokens so far were"):
        chosen(made)


def test_a_perplexity_is_no_loss():
    with pytest.raises(ConfigError, match="a perplexity is exp.loss.: write its logarithm"):
        chosen(table(step=[1, 2, 3], ppl=[30, 20, 10]))


def test_a_summary_in_one_row_is_no_curve():
    made = table(step=[1, 2, 3, 3], loss=[3, 2, 1, None], train_loss=[None, None, None, 2])
    assert chosen(made, tokens_per_step=1.0).loss == "loss"


def test_columns_that_repeat_or_summarise_give_way():
    made = table(
        **{"step": [1, 2, 3], "train_loss_step": [3, 2, 1], "train_loss_epoch": [None, None, 2]}
    )
    assert chosen(made, tokens_per_step=1.0).loss == "train_loss_step"
    made = table(step=[1, 2, 3], loss=[3, 2, 1], train_loss=[3, 2, 1])
    assert chosen(made, tokens_per_step=1.0).loss == "loss"
    assert (
        find(
            "x",
            table(_step=[1, 2, 3], global_step=[9, 8, 7]),
            ["_step", "global_step"],
            None,
            STEPS,
        )
        == "global_step"
    )


def test_an_option_is_never_overruled():
    made = table(Epoch=[0, 250, 500], loss=[3, 2, 1])
    found = chosen(made, step_column="Epoch", tokens_per_step=10.0)
    assert found.position == "Epoch"
    assert "'Epoch' is read as steps, as --step-column says" in found.notes[0]
    assert chosen(made, tokens_column="Epoch").position == "Epoch"


def test_held_out_losses_as_the_curve_are_points():
    made = table(step=[0, 1, 2], val_loss=[3, 2, 1])
    found = chosen(made, tokens_per_step=1.0)
    assert (found.loss, found.heldout, found.evaluated) == ("val_loss", "val_loss", True)
    assert "the model at its position" in found.notes[0]
    assert not chosen(made, tokens_per_step=1.0, sampled=False).evaluated
    assert chosen(made, True, tokens_per_step=1.0).heldout is None


def test_the_one_value_of_a_scalar_is_the_loss():
    found = chosen(
        table(**{"Wall time": [1, 2, 3], "Step": [1, 2, 3], "Value": [3, 2, 1]}),
        tokens_per_step=1.0,
    )
    assert found.loss == "Value"
    assert "taken for the training loss" in found.notes[0]


def test_several_that_fit_are_named():
    with pytest.raises(ConfigError, match=r"--loss-column: several .*\(loss, train_loss\)"):
        find("x", table(loss=[1, 2, 3], train_loss=[3, 2, 1]), ["loss", "train_loss"], None, LOSSES)


def test_rows_may_be_counted():
    found = chosen(table(loss=[3, 2, 1]), steps_per_row=10.0, tokens_per_step=4.0)
    assert (found.position, found.tokens_per_unit) == (None, 4.0)
    with pytest.raises(ConfigError, match="--tokens-per-step: x.csv is read by its rows"):
        chosen(table(loss=[3, 2, 1]), steps_per_row=10.0)
