import pytest

from epiplexity_jax import coding
from epiplexity_jax.analysis import curve_from, score
from epiplexity_jax.analysis.logs.estimate import estimate
from epiplexity_jax.analysis.logs.export import curve_csv, find_run, has_dense_cost, read_back
from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.reading import read_curve
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.store import StoredRun
from tests.unit.store.stored import make_history, make_row


@pytest.fixture
def read(tmp_path):
    """Read a text as a file, with options of the layout."""

    def call(text, floor_known=False, **options):
        path = tmp_path / "loss.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_curve(path, Layout(**options), floor_known)

    return call


def stored(**changes):
    history = make_history(points=8)
    losses = coding.interpolate_sum(history["step"], history["heldout_raw_loss_nats"])
    return StoredRun(make_row("abc", **changes), history | {"online_loss_sum_nats": losses * 128})


@pytest.mark.parametrize("tokens_per_step", [None, 128])
def test_an_exported_run_gives_its_own_online_estimate(read, tokens_per_step):
    run = stored()
    own = score(curve_from(run), 1e6, "online", "ema")
    curve = read(curve_csv(run), tokens_per_step=tokens_per_step)
    found = estimate(curve, params=run.row["params"], test_tokens=1e6, vocab_size=96).decomposition
    assert found.status == "ok"
    assert found.epiplexity_bits == pytest.approx(own.model_bits[-1], rel=1e-12)
    assert found.entropy_bits == pytest.approx(own.data_bits[-1], rel=1e-12)
    assert found.compute_flops == pytest.approx(own.time_flops[-1], rel=1e-12)
    assert found.train_tokens == pytest.approx(own.train_tokens[-1], rel=1e-12)
    assert found.floor == "column"
    assert has_dense_cost(run)


def test_an_export_has_a_row_for_every_record_point_but_the_untrained(read):
    text = curve_csv(stored()).splitlines()
    assert text[0] == "step,label_tokens,train_tokens,loss_nats,heldout_loss_nats"
    assert [line.split(",")[:3] for line in text[1:3]] == [["1", "128", "132"], ["2", "256", "264"]]
    assert len(text) == 8


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "diverged"}, "run abc: diverged"),
        ({"variants": ["exact"], "replays": 4}, "no code of new data"),
    ],
)
def test_runs_that_have_no_curve_to_export(changes, said):
    with pytest.raises(ConfigError, match=said):
        curve_csv(stored(**changes))


def test_the_command_that_reads_an_export():
    assert read_back(stored(), "x.csv") == (
        "epiplexity-jax curve x.csv --params 7264 --test-tokens 1000000 --vocab-size 96 "
        "--bytes-per-token 1"
    )
    assert "--test-tokens N" in read_back(stored(test_tokens=None, bytes_per_token=None), "x.csv")
    assert not has_dense_cost(stored(train_flops_per_token=5.0))


@pytest.mark.parametrize(
    ("beginning", "said"),
    [("x", "no run begins with 'x': there are ab1, ab2, c"), ("a", "several")],
)
def test_a_run_that_is_not_clear(beginning, said):
    with pytest.raises(ConfigError, match=said):
        find_run(["c", "ab1", "ab2"], beginning)
