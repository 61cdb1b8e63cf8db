"""The answer of `measure` fits 80 columns and says what is real."""

from types import SimpleNamespace

from rich.console import Console

from epiplexity_jax.analysis import trace
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


def difference(larger, smaller, real, compute=2.0):
    return SimpleNamespace(
        larger=larger,
        smaller=smaller,
        compute_flops=compute,
        bits=10.0,
        bits_error=3.0,
        is_real=real,
        seeds=None,
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
        rates=[
            SimpleNamespace(
                source="a",
                learning_rate=0.12,
                size="width 8 depth 1",
                epiplexity={0.5: 1.1, 2.0: None},
            )
        ],
        results=[SimpleNamespace(source="a", compute_flops=2.0, epiplexity_bits_interval=(1, 2))],
        warnings=["the rate decides it"],
        advice=["more seeds"],
        config="x.yaml",
        runs=SimpleNamespace(path="x"),
    )
    text = "\n".join(sentences(measured))
    assert "- b teaches more than a, by 10 ±3 bits" in text
    assert "- a lies above its shuffled copy (10 ±3 bits)" in text
    assert "- b is not separated from noise" in text
    assert "a is above b at 1" in text
    assert "S +10% at half, training diverges at twice of it" in text
    assert text.endswith("Again: epiplexity-jax run x.yaml --store x")
    assert "open side" not in text
    measured.results[0].epiplexity_bits_interval = (None, 2)
    assert "At T = 2 FLOPs, of the models that were trained; values with an open" in "\n".join(
        sentences(measured)
    )
    measured.differences = []
    assert "At T" not in "\n".join(sentences(measured))
