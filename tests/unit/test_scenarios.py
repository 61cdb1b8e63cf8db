"""Scenarios with computed answers: the answers by brute force, the readers on constructed rows."""

import importlib
import itertools
import math
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PARTS = ("labels", "stored", "jumps", "tokens", "context")
SEEDS = range(3)
SLIGHT = (-0.001, 0.0, 0.001)  # of seeds
ERRORS = ("error", "accuracy_error", "model_error", "mdl_error", "trained_error")


@pytest.fixture(scope="module")
def parts():
    """Modules of the scenarios, by the end of their names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return {name: importlib.import_module(f"scenario_{name}") for name in PARTS}


def rows_of(shift: float = 0.0, **values: Any) -> list[dict[str, Any]]:
    """One row a seed: numbers scatter by a thousandth, other entries stay."""
    return [
        {"seed": seed}
        | dict.fromkeys(ERRORS, 1e-4)
        | {
            key: value + SLIGHT[seed] + shift if isinstance(value, float) else value
            for key, value in values.items()
        }
        for seed in SEEDS
    ]


def outcomes(findings: Any) -> list[bool | None]:
    return [check.holds for check in findings.checks]


def flips(part, shift=0.0):
    return [
        row
        for rate in part.RATES
        for row in rows_of(
            shift if rate else 0.0,
            source=f"{rate:g}",
            loss=part.coin(rate),
            model_bits=1000.0,
        )
    ]


def weak(part, shift=0.0):
    rate = part.weak_error(part.VOTERS, part.WEAK_VOTERS)
    known = {"truth": (0.0, 1.0), "weak": (0.0, 1 - rate), "random": (part.coin(rate), 1.0)}
    return [
        row
        for name, (loss, accuracy) in known.items()
        for row in rows_of(shift, source=name, loss=loss, accuracy=accuracy)
    ]


def features(part, shift=0.0):
    entropies = part.feature_entropies(part.FEATURES)
    known = {"cheap": (entropies.spurious, 0.5), "large": (entropies.both, 0.99)}
    return [
        row
        for budget, (nats, accuracy) in known.items()
        for row in rows_of(shift, budget=budget, loss=nats / math.log(2), accuracy=accuracy)
    ]


def tables(part, shift=0.0):
    rows = []
    for name in part.TABLES:
        stored, left = part.tables_known(name, part.EXAMPLES)
        entries = {"source": name, "examples": part.EXAMPLES}
        rows += rows_of(
            shift, learner="table", loss=left, model_bits=stored * (1 + shift), **entries
        )
        read = [0.0, 64.0, 128.0, 512.0, 96_000.0]
        paid = [part.tables_known(name, int(n))[0] * (1.2 - shift) for n in read]
        learner = rows_of(source=name, learner="transformer", read=read)
        rows += [row | {"paid": [one + SLIGHT[row["seed"]] for one in paid]} for row in learner]
    return rows


def mixtures(part, shift=0.0):
    rates = {
        name: part.epx.sources.open_source(source).info.entropy_rate_nats / math.log(2)
        for name, source in part.MIXTURES.items()
    }
    return [row for name, rate in rates.items() for row in rows_of(shift, source=name, loss=rate)]


def replay(part, shift=0.0):
    rate = part.epx.sources.open_source(part.CHAIN).info.entropy_rate_nats / math.log(2)
    rows = []
    for rank, times in enumerate(part.EPOCHS):
        more = rank * (0.1 - shift)
        own = {"loss": rate + shift + more, "trained": rate - 0.2 + shift, "model_bits": 100.0}
        rows += rows_of(source=str(times), mdl_bits=5000.0 + more, **own)
    noise = {"source": "noise", "seed": 0, "structure": shift, "entropy": 4.0}
    return [*rows, noise]


def jumps(part, shift=0.0):
    """Losses of a guess until 1000 labels are read, and nearly 0 from 1100 on."""
    rows = []
    labels = np.array([0.0, 500.0, 1000.0, 1100.0, 2000.0])
    for name in part.TASKS:
        guess = 1.0 if name == "xor" else math.log2(part.MODULUS)
        loss = np.array([1.0, 1.0, 0.9, 0.001, 0.001]) * guess
        online = np.array([0.0, 500.0, 1000.0, 1050.0, 1050.9]) * guess
        model = online - labels * loss
        model[1:] *= 1 - 4 * shift
        known = {"labels": labels.tolist(), "loss": loss.tolist(), "model": model.tolist()}
        known |= {"online": online.tolist(), "loss_error": 1e-4}
        known |= {"model_error": [1.0] * 5, "model_sampling": [1.0] * 5}
        rows += [{"source": name, "seed": seed} | known for seed in SEEDS]
    return rows


def patches(part, shift=0.0):
    """Large patches learn at once and end at 0.5, single cells late and end at 0.1."""
    rows = []
    known = {1: (1.0, 1.0, 0.1), 2: (1.0, 0.6, 0.3), 4: (1.0, 0.7, 0.4), 8: (0.8, 0.7, 0.5)}
    budgets = dict(zip((10**9, 10**10, 10**11), part.PLACES, strict=True))
    for patch, codes in known.items():
        for (compute, place), mdl in zip(budgets.items(), codes, strict=True):
            named = {"patch": patch, "compute": compute, "place": place}
            mdl = 0.9 if shift else mdl
            rows += rows_of(**named, source="rule", mdl=mdl)
            rows += [named | {"source": "noise", "seed": 0, "structure": shift, "entropy": 1.0}]
    return rows


def encoded(part, shift=0.0):
    rows = []
    for name, width in {"bytes": 1.0, "bpe": 2.5}.items():
        known = part.chain_entropy(part.LENGTHS[name] * width)
        moved = shift * (2 if name == "bpe" else 1)
        rows += [
            row | {"bytes_per_token": width} for row in rows_of(moved, source=name, per_byte=known)
        ]
    return rows


def context(part, shift=0.0):
    rows = []
    for family in part.FAMILIES:
        for name, floor in part.floors().items():
            fixed = name == part.WEIGHTS
            loss = floor + 0.05 * (family == "recurrent") * (not fixed)
            loss = -0.2 if shift else loss
            rows += rows_of(source=name, family=family, loss=loss)
    return rows


CASES = {
    "flips": ("labels", flips),
    "weak": ("labels", weak),
    "features": ("labels", features),
    "tables": ("stored", tables),
    "mixtures": ("stored", mixtures),
    "replay": ("stored", replay),
    "jumps": ("jumps", jumps),
    "patches": ("tokens", patches),
    "encoded": ("tokens", encoded),
    "context": ("context", context),
}


def test_every_scenario_has_a_case(parts):
    assert set(CASES) == {name for part in parts.values() for name in part.SCENARIOS}


@pytest.mark.parametrize("name", CASES)
def test_rows_at_the_computed_answer_pass_every_check(name, parts):
    where, make = CASES[name]
    found = parts[where].SCENARIOS[name].read(make(parts[where]))
    wrong = [(check.expected, check.found) for check in found.checks if check.holds is not True]
    assert found.checks
    assert not wrong


@pytest.mark.parametrize("name", CASES)
def test_rows_that_are_off_fail(name, parts):
    where, make = CASES[name]
    found = parts[where].SCENARIOS[name].read(make(parts[where], 0.5))
    assert False in outcomes(found)


def test_structure_that_moves_with_the_flips_fails(parts):
    part = parts["labels"]
    rows = [
        row | {"model_bits": row["model_bits"] * (1 + (row["source"] != "0"))}
        for row in flips(part)
    ]
    assert outcomes(part.read_flips(rows)) == [True] * 3 + [False] * 3


@pytest.mark.parametrize(("spread", "error"), [(200.0, 1.0), (1.0, 100.0)])
def test_structure_whose_change_is_not_resolved_is_open(spread, error, parts):
    """Over seeds, and by held-out data: noise must not let the check hold."""
    part = parts["labels"]
    rows = [
        row | {"model_bits": 1000.0 + spread * own * (row["source"] != "0"), "model_error": error}
        for row in flips(part)
        for own in (row["seed"] - 1,)
    ]
    assert outcomes(part.read_flips(rows)) == [True] * 3 + [None] * 3


def test_a_value_of_one_seed_is_open(parts):
    part = parts["labels"]
    alone = [row for row in flips(part) if row["seed"] == 0]
    assert set(outcomes(part.read_flips(alone))) == {None}


@pytest.mark.parametrize(("voters", "weak"), [(3, 1), (5, 3), (9, 5), (5, 5)])
def test_the_weak_labellers_errors_are_those_that_are_counted(voters, weak, parts):
    votes = list(itertools.product((0, 1), repeat=voters))
    wrong = [2 * sum(x[:weak]) > weak for x in votes]
    right = [2 * sum(x) > voters for x in votes]
    counted = np.mean(np.array(wrong) != np.array(right))
    assert parts["labels"].weak_error(voters, weak) == counted


def test_the_weak_labeller_of_the_scenario_errs_as_often(parts):
    part = parts["labels"]
    sources = part.voting()
    drawn = {}
    for name in ("truth", "weak"):
        source = part.epx.sources.open_source(sources[name])
        drawn[name] = np.asarray(source.sampler(source.parameters, jax.random.key(0), 20_000))
    assert (drawn["truth"][:, :-1] == drawn["weak"][:, :-1]).all(), "the same inputs"
    errs = (drawn["truth"][:, -1] != drawn["weak"][:, -1]).mean()
    rate = part.weak_error(part.VOTERS, part.WEAK_VOTERS)
    assert abs(errs - rate) < 4 * math.sqrt(rate * (1 - rate) / 20_000)


def test_an_equal_number_of_sequences_is_read_however_often(parts):
    part = parts["stored"]
    for times in part.EPOCHS:
        config = part.replayed(part.CHAIN, part.READ, times)
        held_out = config.source.sequences // 10
        assert (config.source.sequences - held_out) * times >= part.READ
        assert config.source.sequences * times < part.READ * 1.2


def test_the_chains_text_has_the_entropy_that_is_computed(parts):
    """Of all windows of three characters: by enumeration, and by how often they occur."""
    part = parts["tokens"]
    matrix = np.array(part.MATRIX)
    start = part.stationary_distribution(matrix)
    law = start[:, None, None] * matrix[:, :, None] * matrix[None]
    assert part.chain_entropy(3) == pytest.approx(-(law * np.log2(law)).sum() / 3)
    count = 30_000
    letters = np.array([part.LETTERS.index(one) for one in part.chain_text(count + 2)])
    seen = np.zeros((4, 4, 4))
    np.add.at(seen, (letters[:-2], letters[1:-1], letters[2:]), 1.0)
    assert np.abs(seen / count - law).max() < 0.015


def test_a_table_is_compared_where_it_has_stored_half_of_its_bits(parts):
    part = parts["stored"]
    read = [0.0, 64.0, 128.0, 192.0, 512.0, 96_000.0]
    for name, at in (("boolean", 128), ("facts", 192)):
        point = part.unsaturated(name, read)
        assert read[point] == at
        whole = part.tables_known(name, 10**9)[0]
        early, late = (part.tables_known(name, int(n))[0] / whole for n in read[point : point + 2])
        assert early <= 0.5 < late
    assert part.unsaturated("boolean", [0.0, 512.0]) is None


@pytest.mark.parametrize(
    ("factor", "scatter", "holds"), [(1.2, 0, True), (0.8, 0, False), (1.1, 50, None)]
)
def test_an_online_length_is_set_against_the_tables(factor, scatter, holds, parts):
    part = parts["stored"]
    rows = []
    for row in tables(part):
        if row["learner"] == "transformer":
            own = scatter * (row["seed"] - 1)
            stored = [part.tables_known(row["source"], int(n))[0] for n in row["read"]]
            row = row | {"paid": [one * factor + own for one in stored]}
        rows.append(row)
    checks = [one for one in part.read_tables(rows).checks if "pays less online" in one.expected]
    assert [one.holds for one in checks] == [holds] * 2
    assert "100.9 bits for 128 examples" in checks[0].expected


def coded(part, codes, scatter=0.0):
    """Rows of the rule's cells from codes by patch size, one a budget."""
    return [
        row | {"mdl": row["mdl"] + scatter * (row["seed"] - 1) * (patch > 1)}
        for patch, own in codes.items()
        for compute, (place, mdl) in enumerate(zip(part.PLACES, own, strict=True))
        for row in rows_of(patch=patch, compute=compute, place=place, source="rule", mdl=mdl)
    ] + [row for row in patches(part) if row["source"] == "noise"]


def patch_checks(part, rows):
    return outcomes(part.read_patches(rows))[:3]


def test_patch_sizes_are_compared_at_budgets_that_no_result_chose(parts):
    part = parts["tokens"]
    crossing = {1: (1.0, 1.0, 0.1), 2: (1.0, 0.6, 0.3), 4: (1.0, 0.7, 0.4), 8: (0.8, 0.7, 0.5)}
    assert patch_checks(part, coded(part, crossing)) == [True] * 3
    assert patch_checks(part, coded(part, crossing, scatter=0.5)) == [None] * 3
    single = crossing | {1: (0.1, 0.1, 0.1)}
    assert patch_checks(part, coded(part, single)) == [False, True, False]
    equal = dict.fromkeys(part.PATCHES, (0.5, 0.5, 0.5))
    assert patch_checks(part, coded(part, equal)) == [False] * 3
    nowhere = [row | {"place": None} for row in coded(part, crossing)]
    assert patch_checks(part, nowhere) == [None] * 3


def test_intervals_of_several_comparisons_are_wider(parts):
    lab = importlib.import_module("scenario_lab")
    value = lab.mean(rows_of(loss=1.0), "loss")
    same, wide = (lab.widened(value, len(SEEDS), count) for count in (1, 9))
    assert same.interval == pytest.approx(value.interval)
    assert wide.high - 1.0 == pytest.approx((value.high - 1.0) * 13.41 / 4.303, rel=1e-2)
    alone = lab.mean(rows_of(loss=1.0)[:1], "loss")
    assert lab.widened(alone, 1, 9) == alone


def test_errors_that_seeds_do_not_show_are_what_is_left(parts):
    lab = importlib.import_module("scenario_lab")
    seeds = np.array([[1.0, 0.0], [3.0, 0.0]])  # variance of the mean: 1, 0
    assert lab.unshown(np.array([2.0, 2.0]), seeds) == pytest.approx([3**0.5, 2.0])
    assert lab.unshown(np.array([0.5, 2.0]), seeds) == pytest.approx([0.0, 2.0])
    assert lab.unshown(np.array([2.0, 2.0]), seeds[:1]) == pytest.approx([2.0, 2.0])


def test_a_run_that_learns_nothing_leaves_its_jump_open(parts):
    part = parts["jumps"]
    flat = [row | {"loss": [row["loss"][0]] * 5} for row in jumps(part)]
    found = part.read_jumps(flat)
    assert [check.holds for check in found.checks if "doubles" in check.expected] == [None] * 2
    assert part.jump_of(flat[0], 1.0) is None


def test_a_jump_is_read_between_half_and_a_twentieth_of_a_guess(parts):
    row = jumps(parts["jumps"])[0]
    jump = parts["jumps"].jump_of(row, 1.0)
    assert jump.labels == (1000.0, 1100.0)
    assert (jump.least, jump.most) == pytest.approx((899.0, 988.9))
    assert jump.least < jump.after - jump.before < jump.most


@pytest.mark.parametrize("before", [0.0, -1.0, 1e-9])
def test_a_jump_from_nothing_is_judged_in_bits(before, parts):
    """The ratio after / before would have any sign and size."""
    part = parts["jumps"]
    rows = jumps(part)
    for row in rows:
        row["model"] = [0.0, 0.0, before, *row["model"][3:]]
    checks = [one for one in part.read_jumps(rows).checks if "doubles" in one.expected]
    assert [one.holds for one in checks] == [True] * 2


@pytest.mark.parametrize(
    ("after", "error", "holds"), [(150, 1, False), (250, 1, True), (250, 99, None)]
)
def test_doubling_holds_fails_or_is_open(after, error, holds, parts):
    part = parts["jumps"]
    rows = jumps(part)
    for row in rows:
        row["model"] = [0.0, 0.0, 100.0, float(after + row["seed"]), 1000.0]
        row["model_sampling"] = [float(error)] * 5
    checks = [one for one in part.read_jumps(rows).checks if "doubles" in one.expected]
    assert [one.holds for one in checks] == [holds] * 2


def test_a_negative_model_length_fails(parts):
    rows = jumps(parts["jumps"])
    rows[0]["model"][-1] = -50.0
    failed = [one for one in parts["jumps"].read_jumps(rows).checks if one.holds is False]
    assert len(failed) == 2


@pytest.mark.parametrize(("online", "error", "holds"), [(1.0, 1e-4, False), (9.0, 0.1, None)])
def test_an_online_length_below_labels_times_loss_fails(online, error, holds, parts):
    rows = jumps(parts["jumps"])
    for row in rows:
        row["online"] = [*row["online"][:-1], online * row["loss"][-1]]
        row["loss_error"] = error
    checks = [one for one in parts["jumps"].read_jumps(rows).checks if "at the end" in one.expected]
    assert [one.holds for one in checks] == [holds] * 2
