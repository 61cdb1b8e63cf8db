"""What do eleven sources hold for four families of models? One table, at one budget.

Run: python benchmarks/breadth.py  (about 40 minutes on two cores; runs/breadth is resumed)

Every source is measured over 1e7 label tokens at 1e12 FLOPs, prequential, with three seeds a size.
Writes results/breadth.json, the table in docs/breadth.md and its picture.
"""

import argparse
import marshal
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from result import write

import epiplexity_jax as epx
from epiplexity_jax.analysis import Decomposition
from epiplexity_jax.base.config import Config
from epiplexity_jax.cli.progress import watch
from epiplexity_jax.report.figures import save
from epiplexity_jax.report.tables import number, with_interval

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "breadth.md"
PICTURE = ROOT / "docs" / "images" / "breadth.png"
BEGIN, END = "<!-- table: python benchmarks/breadth.py -->", "<!-- end of table -->"
DIGITS = Path(__file__).parent / "data" / "digits.npz"

TEST_TOKENS, COMPUTE, LENGTH = 1e7, 1e12, 64
FAMILIES: dict[str, Config] = {
    "transformer": epx.families.Transformer(widths=(16, 32, 64), depths=(1,)),
    "recurrent": epx.families.Recurrent(widths=(16, 32, 64), depths=(1,)),
    "mlp": epx.families.Mlp(widths=(16, 32, 64), depths=(1,), window=32),
    "ngram": epx.families.Ngram(orders=(0, 1, 2, 3, 4)),
}


def compiled_code() -> Iterator[np.ndarray]:
    """Bytes of the standard library's modules as this Python compiles them, file by file."""
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.glob("*.py")) + sorted(root.glob("[a-z]*/*.py")):
        if {"test", "tests", "site-packages", "idle_test"} & set(path.parts):
            continue
        code = compile(path.read_bytes(), path.name, "exec")
        yield np.frombuffer(marshal.dumps(code), np.uint8)


def sources() -> dict[str, Any]:
    """All sources but the digits, which are too few for the same batches."""
    src = epx.sources
    stdlib = src.PythonStdlib(length=LENGTH)
    return {
        "text": stdlib,
        "shuffled text": src.Shuffle(source=stdlib, scope="corpus"),
        "compiled code": src.from_iterator(compiled_code, vocab_size=256, length=LENGTH),
        "ECA 15": src.ElementaryCA(rule=15, cells=32, steps=8),
        "ECA 30": src.ElementaryCA(rule=30, cells=32, steps=8),
        "ECA 54": src.ElementaryCA(rule=54, cells=32, steps=8),
        "Markov": src.Markov(vocab_size=16, length=LENGTH, concentration=0.3),
        "repeat": src.Repeat(vocab_size=96, length=LENGTH),
        "cipher": src.Cipher(vocab_size=16, length=LENGTH),
        "noise": src.Noise(vocab_size=96, length=LENGTH),
    }


def digits() -> dict[str, Any]:
    """Images of digits as raster tokens: 1,797 sequences of 64 pixels."""
    return {"digits": epx.sources.from_array(np.load(DIGITS)["inputs"], vocab_size=17)}


def measure(name: str, family: Config, steps: int, batch: int) -> dict[str, Decomposition]:
    """Train (or resume) both sweeps of a family and decompose every source at the budget."""
    found: dict[str, Decomposition] = {}
    # An online code's error is that of its floor times all training tokens; counts are cheap.
    heldout = 2_000_000 if name == "ngram" else 400_000
    sweeps = (
        ("large", sources(), epx.Training(steps=steps, batch_size=batch)),
        ("digits", digits(), epx.Training(steps=min(steps, 200), batch_size=8, warmup_steps=20)),
    )
    for sweep, named, training in sweeps:
        runs = epx.run(
            named,
            family,
            store=ROOT / "runs" / "breadth" / f"{name}-{sweep}-{steps}",
            training=training,
            heldout=epx.Heldout(tokens=heldout),
            progress=watch(),
        )
        found |= {d.source: d for d in runs.decompositions(TEST_TOKENS, [COMPUTE])}
    return found


def table(found: Mapping[str, Mapping[str, Decomposition]]) -> list[str]:
    """Markdown: a row a source, two columns a family."""
    names = list(found)
    lines = [
        "| source | " + " | ".join(f"{n}: S_T, bits | H_T, bits/token" for n in names) + " |",
        "|---" * (1 + 2 * len(names)) + "|",
    ]
    for source in found[names[0]]:
        cells = []
        for name in names:
            d = found[name][source]
            s = with_interval(d.epiplexity_bits, d.epiplexity_bits_interval)
            marks = "" if d.status == "ok" else f" ({str(d.status).replace('_', ' ')})"
            cells += [s + marks, f"{d.entropy_bits_per_token:.3f}"]
        lines.append(f"| {source} | " + " | ".join(cells) + " |")
    return lines


def chart(found: Mapping[str, Mapping[str, Decomposition]]) -> Any:
    """S_T against H_T per token, a panel a family; S_T = 0 stands at the bottom."""
    import altair as alt

    bottom = 100.0
    rows = [
        {
            "family": family,
            "source": d.source,
            "S": max(d.epiplexity_bits, bottom),
            "H": d.entropy_bits_per_token,
        }
        for family, by_source in found.items()
        for d in by_source.values()
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("H:Q", title="H_T, bits per token"),
        y=alt.Y("S:Q", title="S_T, bits", scale=alt.Scale(type="log", domain=[bottom, 1e7])),
        color=alt.Color("source:N", scale=alt.Scale(scheme="tableau20"), sort=None, title=None),
    )
    points = base.mark_point(filled=True, size=70, opacity=0.9)
    panel = points.properties(width=250, height=220)
    return panel.facet(facet=alt.Facet("family:N", title=None, sort=list(found)), columns=2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=600, help="of every trained run")
    parser.add_argument("--batch", type=int, default=64, help="sequences a step")
    options = parser.parse_args()
    found = {
        name: measure(name, family, options.steps, options.batch)
        for name, family in FAMILIES.items()
    }
    lines = table(found)
    print("\n".join(lines))
    rows = [d.to_json() | {"family": name} for name, by in found.items() for d in by.values()]
    print(
        write(
            "breadth",
            test_tokens=number(TEST_TOKENS),
            compute_flops=COMPUTE,
            steps=options.steps,
            batch_size=options.batch,
            rows=rows,
        )
    )
    save(chart(found), PICTURE)
    if PAGE.exists():
        text = PAGE.read_text()
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(before + "\n".join([BEGIN, "", *lines, "", END]) + after)


if __name__ == "__main__":
    main()
