"""Published scaling laws and losses, with known answers (origins: tests/data/README.md)."""

import csv
from pathlib import Path

import numpy as np
import pytest

from epiplexity_jax.analysis.laws.embeddings import PF_DAY, ComputeLaw
from epiplexity_jax.analysis.laws.files import PointColumns, read_points
from epiplexity_jax.analysis.laws.fit import fit
from epiplexity_jax.analysis.laws.points import NotIdentified
from epiplexity_jax.analysis.laws.presets import PRESETS

DATA = Path(__file__).parents[1] / "data" / "laws"
TEST = 1e12
ERRORS = {"a": 124.58, "b": 1293.23, "irreducible_nats": 0.03, "alpha": 0.02, "beta": 0.02}
CONVERGED = (477.83, 2143.4, 1.81722, 0.34731, 0.36717)
HOFFMANN = np.array([6.0073404, 6.0179186, 0.5267228, 0.33917084, 0.2849083])
# arXiv 2601.03220, Table 1, to one digit more than printed: alpha, beta, D0, E.
TABLE = {
    "Image_8x8": ("0.3309", "0.5659", "2.656e+06", "3.1396"),
    "Image_16x16": ("0.3066", "0.8200", "8.940e+07", "2.6804"),
    "Image_32x32": ("0.2576", "0.3994", "1.946e+06", "2.2956"),
    "Image_VQ_16x16": ("0.3217", "0.4408", "4.437e+07", "4.2323"),
    "Image_VQ_32x32": ("0.2872", "0.5599", "1.626e+08", "3.3173"),
    "Video_VQ_16x16x16": ("0.4277", "0.7179", "1.787e+08", "1.1456"),
}
SHAPES = {  # vocabulary and positions
    "Image_8x8": (256, 192),
    "Image_16x16": (256, 768),
    "Image_32x32": (256, 3072),
    "Image_VQ_16x16": (4096, 256),
    "Image_VQ_32x32": (1024, 1024),
    "Video_VQ_16x16x16": (4096, 4096),
}
OPEN_LM = {
    "c4_original": ((122.6, 242.6, 1.620, 0.2526, 0.2622), 5.2995e-4),
    "rpj": ((106.1, 298.0, 1.720, 0.2431, 0.2730), 4.2651e-4),
    "rw_original": ((76.8, 384.2, 1.701, 0.2226, 0.2898), 4.7573e-4),
}


def rows(name):
    with (DATA / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def values(law):
    return law.a, law.b, law.irreducible_nats, law.alpha, law.beta


def chinchilla():
    return read_points(DATA / "chinchilla.csv").without_highest(5)


@pytest.mark.parametrize("domain", [name for name in PRESETS if name != "language_refitted"])
def test_the_optimum_of_a_published_law_at_thirteen_budgets(domain):
    known = [row for row in rows("optima.csv") if row["domain"] == domain]
    assert len(known) == 13
    for row in known:
        best = PRESETS[domain].law.optimum(float(row["compute_flops"]), TEST)
        assert best.mdl_bits == pytest.approx(float(row["mdl_bits"]), rel=1e-12)
        for name in ("params", "train_tokens", "epiplexity_bits"):
            assert getattr(best, name) == pytest.approx(float(row[name]), rel=1e-6)
        assert best.minima == int(row["roots"])


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("language_chinchilla", 8.99646e10),
        ("image_vq_32x32", 1.38910e10),
        ("image_vq_16x16", 1.36993e10),
        ("video_vq_16x16x16", 7.49201e9),
        ("image_32x32", 5.04658e9),
        ("image_16x16", 3.14639e9),
        ("image_8x8", 1.31518e9),
    ],
)
def test_epiplexity_without_limit_on_compute(name, bits):
    assert PRESETS[name].law.limit(TEST).epiplexity_bits == pytest.approx(bits, rel=1e-5)


def test_refitting_alone_moves_the_epiplexity_of_language_by_a_fifth():
    published, refitted = (
        PRESETS[f"language_{name}"].law.limit(TEST).epiplexity_bits
        for name in ("chinchilla", "refitted")
    )
    assert 1 - refitted / published == pytest.approx(0.22, abs=0.02)


def test_the_fit_of_240_models_is_the_converged_one():
    found = fit(chinchilla())
    assert found.objective <= 1.0183e-3
    assert found.reached == found.starts
    for value, known, error in zip(values(found.law), CONVERGED, ERRORS.values(), strict=True):
        assert abs(value - known) < error
        assert value == pytest.approx(known, rel=1e-4)
    preset = PRESETS["language_refitted"].law
    assert preset.d0 == pytest.approx(found.law.d0, rel=1e-3)


def test_from_the_published_parameters_of_hoffmann_it_goes_on_to_the_same():
    """With a mean for a sum, an optimiser's tolerance stops it at A 406.4, B 410.7, beta 0.2847."""
    found = fit(chinchilla(), [HOFFMANN])
    assert found.objective <= 1.0183e-3
    assert values(found.law) == pytest.approx(CONVERGED, rel=1e-4)


def test_the_five_highest_losses_move_the_exponent_of_data():
    found = fit(read_points(DATA / "chinchilla.csv"))
    assert values(found.law) == pytest.approx((495.7, 12845.6, 1.8913, 0.3493, 0.4531), rel=1e-3)


@pytest.mark.parametrize("corpus", OPEN_LM)
def test_the_fits_of_three_corpora(corpus):
    columns = PointColumns(loss="loss_c4_val", where=(f"dataset={corpus}",))
    found = fit(read_points(DATA / "open_lm.csv", columns))
    known, objective = OPEN_LM[corpus]
    assert values(found.law) == pytest.approx(known, rel=1e-3)
    assert found.objective == pytest.approx(objective, rel=1e-4)


def test_models_of_as_many_tokens_a_parameter_identify_no_law():
    points = read_points(DATA / "cerebras_gpt.csv", PointColumns(loss="pile_test_loss"))
    with pytest.raises(NotIdentified, match="tokens rise with parameters throughout"):
        fit(points)


@pytest.mark.parametrize("domain", TABLE)
def test_the_correction_for_embeddings_gives_the_published_table(domain):
    row = next(row for row in rows("henighan.csv") if row["domain"] == domain)
    gamma, delta, floor, n0 = (float(row[name]) for name in ("gamma", "delta", "E", "N0"))
    scales = [PF_DAY * float(row[name]) for name in ("C0", "C*")]
    found = ComputeLaw(gamma, delta, *scales, floor, n0).with_embeddings(*SHAPES[domain]).law()
    alpha, beta = f"{found.alpha:.4f}", f"{found.beta:.4f}"
    assert (alpha, beta, f"{found.d0:.3e}", f"{found.irreducible_nats:.4f}") == TABLE[domain]
    name = domain.lower()
    assert PRESETS[name].law.alpha == pytest.approx(found.alpha, abs=6e-4)
    assert PRESETS[name].law.d0 == pytest.approx(found.d0, rel=3e-3)


def test_without_the_correction_the_exponents_are_others():
    row = next(row for row in rows("henighan.csv") if row["domain"] == "Image_8x8")
    gamma, delta, floor, n0 = (float(row[name]) for name in ("gamma", "delta", "E", "N0"))
    law = ComputeLaw(gamma, delta, PF_DAY, PF_DAY, floor, n0).law()
    assert (round(law.alpha, 3), round(law.beta, 3)) == (0.297, 0.528)
