"""`scaling_law` in Python: presets, laws, tables of losses, and stores."""

import math

import pytest

from epiplexity_jax import laws
from epiplexity_jax.analysis.laws.embeddings import PF_DAY, ComputeLaw
from epiplexity_jax.analysis.laws.files import PointColumns
from epiplexity_jax.analysis.laws.presets import PRESETS
from epiplexity_jax.analysis.scaling_law import ScalingLaw
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.results import load
from tests.unit.analysis.laws.made import LAW, points_of
from tests.unit.store.stored import make_law_store

HEAD = "params,train_tokens,loss"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_law_store(tmp_path_factory.mktemp("laws") / "store").path


def test_a_preset_is_answered_at_its_own_vocabulary_and_tokens(tmp_path):
    found = laws.scaling_law("language_chinchilla")
    assert (found.test_tokens, found.vocab_size) == (1e12, 32_000)
    assert found.limit.epiplexity_bits == pytest.approx(8.99646e10, rel=1e-5)
    found.plot(tmp_path / "law.svg")
    assert (tmp_path / "law.svg").read_text(encoding="utf-8").startswith("<svg")
    other = laws.scaling_law("language_chinchilla", test_tokens=1e11, vocab_size=50_257)
    assert (other.test_tokens, other.vocab_size) == (1e11, 50_257)
    assert [one.name for one in laws.presets()] == list(PRESETS)


def test_a_law_is_given_over_both_or_over_compute():
    given = laws.scaling_law(ScalingLaw(0.4, 0.3, 50.0, 2000.0, 1.5), test_tokens=1e9)
    assert given.answers
    over_compute = ComputeLaw(0.19, 0.64, 1.8e-8 * PF_DAY, 5.3e-14 * PF_DAY, 3.13, 80.0)
    found = laws.scaling_law(over_compute, test_tokens=1e12, compute=[1e24])
    assert found.law.alpha == pytest.approx(0.19 / 0.64)


def test_a_table_of_losses_is_fitted(tmp_path):
    points = points_of(noise=0.002)
    rows = zip(points.params, points.train_tokens, points.loss_nats, strict=True)
    lines = [HEAD, *(",".join(map(str, row)) for row in rows)]
    path = tmp_path / "points.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = laws.scaling_law(fit=path, test_tokens=1e8, draws=5)
    assert found.name == "points.csv"
    assert found.law.beta == pytest.approx(LAW.beta, rel=0.1)
    assert len(found.examined.laws) == 5
    same = laws.scaling_law(fit=points, test_tokens=1e8, draws=0)
    assert same.law.beta == pytest.approx(found.law.beta, rel=1e-6)


def test_a_law_is_shown_in_a_notebook(tmp_path):
    law = laws.scaling_law("language_chinchilla")
    bundle = law._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "image/png"}
    assert bundle["text/html"].count("<table") == 1
    assert bundle["text/plain"].startswith("<language_chinchilla: L = ")
    path = tmp_path / "<b>.csv"
    points = points_of(noise=0.002)
    rows = zip(points.params, points.train_tokens, points.loss_nats, strict=True)
    path.write_text("\n".join([HEAD, *(",".join(map(str, row)) for row in rows)]), "ascii")
    fitted = laws.scaling_law(fit=path, draws=0)
    bundle = fitted._repr_mimebundle_()  # without test tokens there is no S_T to draw
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/html"].count("<table") == 1
    assert "<b>" not in bundle["text/html"]
    asked = laws.scaling_law(fit=path, draws=0, test_tokens=1e8)._repr_html_()
    assert asked.count("<table") == 2
    assert "&lt;b&gt;.csv" in asked


def test_a_store_is_fitted_as_its_fitted_frontier_is(store):
    found = laws.scaling_law(fit=store, draws=10)
    assert (found.name, found.test_tokens, found.vocab_size) == ("text", 1e6, 96)
    assert (found.law.alpha, found.law.beta) == pytest.approx((0.5, 0.4), rel=0.02)
    traced = load(store).frontier(procedure="fitted").traced
    assert found.law.beta == pytest.approx(traced.fit.law.beta, rel=1e-6)
    low, high = found.examined.intervals["irreducible_nats"]
    assert 0.95 < low < high < 1.01  # its made-up training losses move the held-out ones
    again = laws.scaling_law(fit=load(store), draws=0, test_tokens=1e7)
    assert again.test_tokens == 1e7
    assert math.isfinite(again.limit.epiplexity_bits)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "give a law or what to fit one to, and not both"),
        ({"law": "image_8x8", "fit": "x.csv"}, "and not both"),
        ({"law": "image_8"}, "unknown law 'image_8'; did you mean 'image_8x8'"),
        ({"fit": points_of(), "source": "text"}, "source: a table of losses has none"),
    ],
)
def test_what_does_not_go_together_is_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        laws.scaling_law(**options)


def test_a_store_has_no_columns(store):
    with pytest.raises(ConfigError, match="go with a table of losses, not with a store"):
        laws.scaling_law(fit=store, columns=PointColumns(loss="x"))
    with pytest.raises(ConfigError, match="go with a table of losses, not with a store"):
        laws.scaling_law(fit=store, drop_highest=1)
