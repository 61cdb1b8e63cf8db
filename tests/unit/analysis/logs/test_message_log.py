import numpy as np
import pytest

from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.layouts.package import COUNTS, KL
from epiplexity_jax.analysis.logs.message_log import MessageLog, log_of
from epiplexity_jax.analysis.logs.table import Hints, LogTable
from epiplexity_jax.base.errors import ConfigError, DataError


def made(counts=(10, 30, 20), hints=None, **options):
    table = LogTable({KL: [2.0, 1.0, 0.5], COUNTS: counts}, [1, 2, 3], hints=hints or Hints())
    return log_of("run.json", table, Layout(**options))


def test_sums_and_totals():
    log = made()
    assert log.sums_nats.tolist() == [20.0, 30.0, 10.0]
    assert log.total_tokens == 60.0
    assert made(inputs_per_label=0.5).tokens_per_label == 1.5
    assert made(loss_divisor=10).sums_nats.tolist() == [2.0, 3.0, 1.0]


@pytest.mark.parametrize(
    ("hints", "options", "scale", "note"),
    [
        (Hints(), {}, 1.0, "there is no loss_unit, so nats"),
        (Hints(unit="nats"), {}, 1.0, None),
        (Hints(), {"unit": "nats"}, 1.0, None),
        (Hints(), {"unit": "bits"}, np.log(2), None),
        (Hints(unit="bits"), {"unit": "nats"}, 1.0, "nats are read, as --unit says, against"),
    ],
)
def test_an_option_decides_the_unit_and_a_guess_is_said(hints, options, scale, note):
    log = made(hints=hints, **options)
    assert log.kl_nats.tolist() == pytest.approx([2 * scale, scale, 0.5 * scale])
    assert [note in said for said in log.notes] == ([True] if note else [])


def test_counts_that_rise_evenly_look_like_tokens_so_far():
    assert "rise by 10 from message to message" in made((10, 20, 30)).notes[-1]
    assert len(made((10, 30, 20)).notes) == 1


@pytest.mark.parametrize(
    "options",
    [{"sampled": False}, {"where": ("a=b",)}, {"until": 3.0}, {"step_column": "kl_values"}],
)
def test_options_of_losses_are_refused(options):
    name = f"--{next(iter(options)).replace('_', '-')}"
    with pytest.raises(ConfigError, match=f"{name}: run.json holds the KL of messages"):
        made(**options)


def test_columns_have_one_length():
    with pytest.raises(DataError, match="columns of one length"):
        MessageLog(name="x", kl_nats=np.ones(2), label_tokens=np.ones(3))
