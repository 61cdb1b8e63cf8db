"""The answer of `measure` fits 80 columns and says what is real."""

from types import SimpleNamespace

from rich.console import Console

from epiplexity_jax.analysis import trace
from epiplexity_jax.analysis.ranking.changes import Change
from epiplexity_jax.analysis.ranking.differences import Difference
from epiplexity_jax.report.measured import answer_table, sentences
from tests.unit.analysis.frontier.made import LEARNT, toy


def results():
    found = []
    for name in ("a-file-with-a-long-name.txt", "a-file-with-a-long-name.txt, shuffled"):
        curves = [toy(LEARNT, seed=seed, error=0.01, source=name) for seed in (0, 1)]
        found.append(trace(curves, test_tokens=1e6).at(1e11))
    nothing = trace([toy(LEARNT * 0 + 0.6931471805599453)], test_tokens=1e6).at(1e11)
    return [*found, nothing]


def test_the_table_is_narrow_and_puts_a_copy_below_its_source():
    console = Console(width=80, height=40, no_color=True)
    with console.capture() as captured:
        console.print(answer_table(results()))
    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "a-file-with-a-lon…" in text
    assert "  shuffled" in text
    assert "nothing" in text
    assert answer_table([]).rows == []


def difference(larger, smaller, real, compute=2.0, why="within_error"):
    """The second name first, so that signs count."""
    return Difference(
        first=smaller,
        second=larger,
        compute_flops=compute,
        difference=-10.0,
        difference_interval=(-13.0, -7.0) if real else (-23.0, 3.0),
        separated=real,
        why="" if real else why,
    )


def test_sentences_name_pairs_controls_rates_and_the_config():
    measured = SimpleNamespace(
        request=SimpleNamespace(asked=[SimpleNamespace(name="a"), SimpleNamespace(name="b")]),
        differences=[
            difference("a", "b", True, 1.0),
            difference("b", "a", True),
            difference("a", "a, shuffled", True),
            difference("noise", "b", False),
        ],
        changes=[
            Change(
                what="rate",
                larger="b",
                smaller="a",
                compute_flops=2.0,
                observer="x",
                elsewhere="rate x 2",
                elsewhere_compute_flops=2.0,
                is_sure=False,
            )
        ],
        rates=[
            SimpleNamespace(
                source="a",
                learning_rate=0.12,
                size="width 8 depth 1",
                epiplexity={0.5: 1.1, 2.0: None},
            )
        ],
        notes=["bytes per token: a has 1"],
        advice=["more seeds"],
        config="x.yaml",
        runs=SimpleNamespace(path="x"),
    )
    text = "\n".join(sentences(measured))
    assert "- b teaches more than a, by 10 ±3 bits" in text
    assert "- a lies above its shuffled copy (10 ±3 bits)" in text
    assert "- b is not separated from noise" in text
    assert "Note: bytes per token: a has 1" in text
    assert "Note: order changes with the rate: b above a at T = 2, below it with rate x 2" in text
    assert "S +10% at half, training diverges at twice of it" in text
    assert text.endswith("Again: epiplexity-jax run x.yaml --store x")


def alone(*differences):
    """The lines of an answer that has nothing but differences."""
    return sentences(
        SimpleNamespace(
            request=SimpleNamespace(asked=[SimpleNamespace(name="a"), SimpleNamespace(name="b")]),
            differences=list(differences),
            changes=[],
            rates=[],
            notes=[],
            advice=[],
            config="x.yaml",
            runs=SimpleNamespace(path="x"),
        )
    )


def test_pairs_that_are_not_separated():
    text = "\n".join(
        alone(difference("a", "b", False), difference("b", "a", False, why="no_structure"))
    )
    assert "- a and b are not separated: a is larger by 10 ±13 bits" in text
    assert "- b and a are not separated: no structure in either" in text
    assert "At T" not in "\n".join(alone())


def test_pairs_that_only_a_smaller_budget_separates():
    lines = alone(
        difference("b", "a", True, 1.0),
        difference("a", "a, shuffled", True, 0.5),
        difference("a", "a, shuffled", True, 1.0),
        difference("b", "a", False),
        difference("a", "a, shuffled", True),
    )
    assert "At T = 1: b lies above a, by 10 ±3 bits" in lines
    assert not [line for line in lines if "At T" in line and "shuffled" in line]
