"""Tables for people and for spreadsheets say what the results say, in few digits."""

import csv
import dataclasses
import io
import math

import numpy as np
import pytest
from rich.console import Console

from epiplexity_jax.analysis import trace
from epiplexity_jax.analysis.scaling_law import CappedLaw
from epiplexity_jax.analysis.simulate import SimulatedNoise, sweep
from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.coding import record_points
from epiplexity_jax.report.edges import status_cell
from epiplexity_jax.report.numbers import number, with_interval
from epiplexity_jax.report.tables import (
    csv_text,
    decomposition_table,
    kinds_table,
    plan_table,
    runs_table,
)

LAW = CappedLaw(0.331, 0.566, 8.0e1, 2.66e6, 3.14, 256)


def text(table, width=100):
    """The table as a terminal of that width shows it."""
    screen = io.StringIO()
    Console(width=width, file=screen).print(table)
    return [line.strip() for line in screen.getvalue().splitlines() if line.strip()]


@pytest.fixture(scope="module")
def results():
    curves = sweep(LAW, (4_000, 16_000), record_points(500), 4_000_000, 3, SimulatedNoise())
    frontier = trace(curves, test_tokens=1e9)
    return [frontier.at(compute) for compute in frontier.budgets(3)]


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (0, 3, "0"),
        (-0.0, 3, "0"),
        (96, 3, "96"),
        (999.4, 3, "999"),
        (999.6, 3, "1000"),
        (1000, 3, "1e3"),
        (9120.0, 2, "9.1e3"),
        (9120.0, 1, "9e3"),
        (9999.0, 2, "1e4"),
        (1234567, 3, "1.23e6"),
        (-1234567, 3, "-1.23e6"),
        (1.2e14, 3, "1.2e14"),
        (1.0e100, 3, "1e100"),
        (0.12345, 3, "0.123"),
        (0.001, 3, "0.001"),
        (0.0009994, 3, "9.99e-4"),
        (2.5e-10, 3, "2.5e-10"),
        (2.34567, 5, "2.3457"),
        (123.456, 5, "123.46"),
        (math.nan, 3, "nan"),
        (-math.inf, 3, "-inf"),
        (None, 3, ""),
        (np.float32(0.5), 3, "0.5"),
        (np.int64(123456), 3, "1.23e5"),
    ],
)
def test_numbers_have_few_digits(value, digits, shown):
    assert number(value, digits) == shown


def test_a_shown_number_reads_back_as_its_rounding():
    generator = np.random.default_rng(0)
    for value in generator.standard_normal(500) * 10.0 ** generator.uniform(-12, 18, 500):
        for digits in (1, 2, 3, 5):
            assert float(number(value, digits)) == float(f"{value:.{digits}g}")
            assert "e+" not in number(value, digits)


@pytest.mark.parametrize(
    ("value", "interval", "shown"),
    [
        (2e6, None, "2e6"),
        (2e6, (1.8e6, 2.2e6), "2e6 ±2e5"),
        (2e6, (1.5e6, 2.2e6), "2e6 +2e5 -5e5"),
        (0.0, (0.0, 0.0), "0 ±0"),
        (0.0, (0.0, 40.0), "0 +40"),
        (0.0, (-40.0, 0.0), "0 -40"),
        (-5.0, (-7.0, -3.0), "-5 ±2"),
    ],
)
def test_a_value_with_its_interval(value, interval, shown):
    assert with_interval(value, interval) == shown


@pytest.mark.parametrize("width", [100, 120, 250])
def test_the_decomposition_has_a_line_a_budget(results, width):
    lines = text(decomposition_table(results), width)
    head, rows, caption = lines[0], lines[2:5], " ".join(lines[5:])
    assert head.startswith("source")
    assert len(results) == 3
    for row, d in zip(rows, results, strict=True):
        cells = row.split()
        assert cells[0] == "law"
        assert cells[1] == number(d.compute_flops)
        assert with_interval(d.epiplexity_bits, d.epiplexity_bits_interval) in row
        assert with_interval(d.entropy_bits, d.entropy_bits_interval) in row
        assert f"{d.entropy_bits_per_token:.4f}" in cells
        numbers = [number(d.mdl_bits), number(d.params), number(d.train_tokens)]
        status = status_cell(d).split()
        assert cells[-3 - len(status) :] == numbers + status
    assert "prequential, paired, floor ema, refined frontier, 1e9 test tokens" in caption
    assert "behind the status: N+ largest size" in caption
    assert f"d log S/d log T at {number(results[-1].compute_flops)}: law " in caption


def test_mdl_without_a_lower_end_is_an_upper_bound(results):
    for low, shown in ((None, True), (1.0, False)):
        d = dataclasses.replace(results[0], mdl_bits_interval=(low, 2.0 * results[0].mdl_bits))
        (row,) = (line for line in text(decomposition_table([d]), 200) if line.startswith("law"))
        assert (f"≤ {number(d.mdl_bits)}" in row) is shown


def test_every_status_is_spelt_out_and_nothing_is_cut_off(results):
    wide = [
        dataclasses.replace(
            results[0],
            status=status,
            source="a_source_of_20_chars",
            epiplexity_bits=-1.234e-12,
            epiplexity_bits_interval=(-2.345e-12, 1.234e-13),
            entropy_bits=1.234e12,
            entropy_bits_interval=(1.1e12, 1.3e12),
        )
        for status in ResultStatus
    ]
    shown = text(decomposition_table(wide), 150)
    start = ["a_source_of_20_chars", number(results[0].compute_flops)]
    assert sum(line.split()[:2] == start for line in shown) == len(wide)
    for status in ResultStatus:
        assert any(str(status).replace("_", " ") in line.replace("_", " ") for line in shown)
    assert not any("…" in line for line in shown)


def test_bits_per_byte_are_shown_where_they_say_more_than_bits_per_token(results):
    same, half = (
        dataclasses.replace(results[0], entropy_bits_per_byte=share * d.entropy_bits_per_token)
        for d, share in zip(results, (1.001, 0.5), strict=False)
    )
    assert "bits/byte" not in text(decomposition_table([results[0], same]))[0]
    head, _, *rows = text(decomposition_table([results[0], half]), 120)[:4]
    assert "bits/token bits/byte" in " ".join(head.split())
    assert f"{half.entropy_bits_per_byte:.4f}" in rows[1].split()
    assert len(rows[0].split()) == len(rows[1].split()) - 1


def test_a_table_of_no_results_is_its_head_alone():
    assert len(text(decomposition_table([]))) == 2


def test_runs_have_a_line_each_and_blanks_where_a_run_ended_early():
    row = {
        "run_id": "0123456789abcdef",
        "source": "text",
        "size": "width 16 depth 1",
        "status": "finished",
        "seed": 0,
        "params": 7264,
        "train_tokens": 1.5e6,
        "heldout_loss_nats": 2.345678,
        "model_bits": 1.25e6,
        "data_bits": 3.5e7,
    }
    row |= {"certified_bits": None, "teacher_steps": None, "steps_done": 10, "learning_rate": 0.03}
    ended = row | {"status": "diverged", "heldout_loss_nats": None, "seed": 1}
    ended |= {"model_bits": None, "data_bits": None}
    table = runs_table([row, ended])
    assert len(text(table, 120)) == 4
    lines = text(table)[-2:]
    assert lines[0].split() == [
        *("01234567", "text", "width", "16", "depth", "1", "finished", "0"),
        *("7.26e3", "1.5e6", "2.3457", "1.25e6", "3.5e7"),
    ]
    assert lines[1].split()[6:] == ["diverged", "1", "7.26e3", "1.5e6"]
    other = row | {"learning_rate": 0.1}
    assert [line.split()[8] for line in text(runs_table([row, other]))[-2:]] == ["0.03", "0.1"]
    batches = [row | {"batch_size": size} for size in (16, 64)]
    assert [line.split()[8] for line in text(runs_table(batches))[-2:]] == ["16", "64"]
    taught = row | {"certified_bits": 1.5e6, "teacher_steps": 7}
    assert text(runs_table([taught]), 160)[-1].split()[-4:] == ["1.25e6", "1.5e6", "3", "3.5e7"]


def test_plans_have_a_line_a_cohort():
    row = {"cohort": 1, "size": "width 16 depth 1", "sources": ["text", "noise"], "members": 6}
    row |= {"waves": 3, "params": 7264, "train_tokens": 12_000_000, "flops": 5.2e11}
    row |= {"microbatch": 8, "data_devices": 1, "rematerialises": False}
    for name, flops in (("train", 43_584.0), ("eval", 14_528.0)):
        row |= {f"{name}_flops_per_token": flops, f"declared_{name}_flops_per_token": flops}
    cells = [*("1", "width", "16", "depth", "1", "text,", "noise")]
    cells += [*("8", "6", "3", "7.26e3", "1.2e7", "5.2e11")]
    assert text(plan_table([row]))[2].split() == cells
    timed = row | {"wall_seconds": 600.0, "memory_bytes": 3 * 2**19}
    timed |= {"estimated_memory_bytes": 2**20}
    assert text(plan_table([timed]), 160)[2].split() == [*cells, "10", "min", "1.5", "1.0"]
    again = text(plan_table([row | {"rematerialises": True}]), 160)[2].split()
    assert again == [*cells[:8], "twice", *cells[8:]]
    cells.insert(cells.index("6") + 1, "4")
    assert text(plan_table([row | {"data_devices": 4}]), 160)[2].split() == cells


def test_kinds_show_what_must_be_given_and_what_has_a_default():
    parameters = [
        {"name": "rule", "type": "int", "required": True, "default": None, "description": "R."},
        {"name": "cells", "type": "int", "required": False, "default": 64, "description": "C."},
    ]
    lines = text(kinds_table([{"kind": "eca", "summary": "Automaton.", "parameters": parameters}]))
    assert lines[2].split() == ["eca", "Automaton."]
    assert lines[3].split() == ["rule", "int", "required", "R."]
    assert lines[4].split() == ["cells", "int", "64", "C."]


def test_csv_holds_every_number_whole(results):
    rows = [d.to_json() for d in results]
    read = list(csv.DictReader(io.StringIO(csv_text(rows))))
    assert len(read) == len(rows)
    for line, row in zip(read, rows, strict=True):
        assert set(line) == {
            name
            for key in row
            for name in ([f"{key}_low", f"{key}_high"] if key.endswith("_interval") else [key])
        }
        for key in ("epiplexity_bits", "entropy_bits", "mdl_bits", "compute_flops"):
            assert float(line[key]) == row[key]
        for end, value in zip(("low", "high"), row["epiplexity_bits_interval"], strict=True):
            cell = line[f"epiplexity_bits_interval_{end}"]
            assert cell == "" if value is None else float(cell) == value
        assert line["status"] == row["status"]
        assert line["flags"].split("; ") == (row["flags"] or [""])


def test_csv_quotes_what_holds_commas_and_leaves_blanks_for_none():
    rows = [{"a": "x, y", "b": None, "c_interval": None, "d": ["p", "q"]}]
    (line,) = csv.DictReader(io.StringIO(csv_text(rows)))
    assert line == {"a": "x, y", "b": "", "c_interval_low": "", "c_interval_high": "", "d": "p; q"}


def test_csv_of_nothing_is_empty():
    assert csv_text([]).strip() == ""
