"""Tables of the page on scenarios, from constructed results."""

import pytest

from docs import scenario_tables
from epiplexity_jax.experiments.findings import Estimate, Findings, to_plain


@pytest.fixture
def found():
    flips, patches = Findings("rate"), Findings("T", log_x=True)
    rise = Estimate(0.47, 0.46, 0.48)
    flips.add("rise of H", rise, "bits per label", "H", x=0.1, oracle=0.469)
    flips.near("H rises by h2(e)", rise, 0.469, 0.05)
    flips.check("sign", "S | e stays", "moved", False)
    flips.check("sign", "S stays", "one seed", None)
    for patch, codes in {"patches of 1": (1.0, 0.2), "patches of 2": (1.0, 0.5)}.items():
        for budget, code in zip((1e9, 1e10), codes, strict=True):
            estimate = Estimate(code, code - 0.01, None)
            patches.add("MDL", estimate, "bits per cell", "MDL", x=budget, series=patch)
    named = {
        "flips": {"name": "flips", "title": "Label flips", "answer": "h2(e) bits."},
        "patches": {"name": "patches", "title": "Patches", "answer": "1 bit."},
    }
    return {
        "scenarios": [
            named["flips"] | to_plain(flips),
            named["patches"] | to_plain(patches),
        ]
    }


def test_every_check_is_a_row_below_their_count(found):
    first, _, *lines = scenario_tables.checks(found).splitlines()
    assert first == "Of 3 checks 1 hold, 1 fail and 1 are open."
    assert lines[0] == "| scenario | computed answer | found | outcome |"
    assert lines[2:] == [
        "| Label flips | H rises by h2(e) | 0.47 ±0.01, theory 0.469 | holds |",
        "| Label flips | S \\| e stays | moved | **FAILS** |",
        "| Label flips | S stays | one seed | open |",
    ]


def test_answers_are_a_list(found):
    assert scenario_tables.answers(found).splitlines() == [
        "- **Label flips.** h2(e) bits.",
        "- **Patches.** 1 bit.",
    ]


def test_values_stand_beside_theory(found):
    lines = scenario_tables.values("flips", found).splitlines()
    assert lines[2:] == ["| rise of H | 0.47 ±0.01 | 0.469 | bits per label |"]


def test_patch_sizes_are_columns_and_the_shortest_code_is_bold(found):
    lines = scenario_tables.patches(found).splitlines()
    assert lines[0] == "| T, FLOPs | patches of 1 | patches of 2 |"
    assert lines[2:] == [
        "| 1e9 | 1 (≥ 0.99) | 1 (≥ 0.99) |",
        "| 1e10 | **0.2 (≥ 0.19)** | 0.5 (≥ 0.49) |",
    ]
