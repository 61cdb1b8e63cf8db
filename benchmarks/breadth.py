"""What do eleven sources hold for four families of models? One table, at one budget.

Run: python benchmarks/breadth.py  (about 50 minutes on two cores; runs/breadth is resumed)

Every source is measured over 1e7 label tokens at 5e11 FLOPs, prequential, with three seeds a size.
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
from epiplexity_jax.progress import progress_bar
from epiplexity_jax.report.figures import save
from epiplexity_jax.report.numbers import number, with_interval
from epiplexity_jax.runtime.devices import configure_process

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "breadth.md"
PICTURE = ROOT / "docs" / "images" / "breadth.png"
BEGIN, END = "<!-- table: python benchmarks/breadth.py -->", "<!-- end of table -->"
DIGITS = Path(__file__).parent / "data" / "digits.npz"

TEST_TOKENS, COMPUTE, LENGTH = 1e7, 5e11, 64
FAMILIES: dict[str, Config] = {
    "transformer": epx.families.Transformer(widths=(8, 16, 32), depths=(1,)),
    "recurrent": epx.families.Recurrent(widths=(8, 16, 32), depths=(1,)),
    "mlp": epx.families.Mlp(widths=(8, 16, 32), depths=(1,), window=32),
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
    """Sources of which every token is predicted."""
    src = epx.sources
    stdlib = src.PythonStdlib(length=LENGTH)
    return {
        "text": stdlib,
        "shuffled text": src.Shuffle(source=stdlib, scope="corpus"),
        "compiled code": src.from_iterator(compiled_code, vocab_size=256, length=LENGTH),
        "Markov": src.Markov(vocab_size=16, length=LENGTH, concentration=0.3),
        "repeat": src.Repeat(vocab_size=96, length=LENGTH),
        "cipher": src.Cipher(vocab_size=16, length=LENGTH),
        "noise": src.Noise(vocab_size=96, length=LENGTH),
    }


def automata() -> dict[str, Any]:
    """Elementary cellular automata, 8 steps ahead: half of the tokens are predicted."""
    return {
        f"ECA {rule}": epx.sources.ElementaryCA(rule=rule, cells=32, steps=8)
        for rule in (15, 30, 54)
    }


def digits() -> dict[str, Any]:
    """Images of digits as raster tokens: 1,797 sequences of 64 pixels."""
    return {"digits": epx.sources.from_array(np.load(DIGITS)["inputs"], vocab_size=17)}


def measure(name: str, family: Config, steps: int, batch: int) -> dict[str, Decomposition]:
    """Train (or resume) the sweeps of a family and decompose every source at the budget."""
    found: dict[str, Decomposition] = {}
    # An online code's error is that of its floor times all training tokens; counts are cheap.
    heldout = 2_000_000 if name == "ngram" else 400_000
    sweeps = (
        ("large", sources(), epx.Training(steps=steps, batch_size=batch)),
        ("automata", automata(), epx.Training(steps=2 * steps, batch_size=batch)),
        ("digits", digits(), epx.Training(steps=200, batch_size=8, warmup_steps=20)),
    )
    for sweep, named, training in sweeps:
        runs = epx.run(
            named,
            family,
            recipe="fixed",
            store=ROOT / "runs" / "breadth" / f"{name}-{sweep}-{steps}",
            training=training,
            heldout=epx.Heldout(tokens=heldout),
            progress=progress_bar(),
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
    """S_T with its interval against H_T per token, a panel a family; S_T = 0 at the bottom."""
    import altair as alt

    bottom, top = 100.0, 2e7
    rows = []
    for family, by_source in found.items():
        for d in by_source.values():
            sides = d.epiplexity_bits_interval or (None, None)  # an open side is drawn as a point
            low, high = (d.epiplexity_bits if side is None else side for side in sides)
            rows.append(
                {
                    "family": family,
                    "source": d.source,
                    "S": max(d.epiplexity_bits, bottom),
                    "low": max(low, bottom),
                    "high": max(high, bottom),
                    "status": "S_T resolved" if d.status == "ok" else "no S_T within error",
                    "H": d.entropy_bits_per_token,
                }
            )
    powers = alt.Axis(values=[10.0**k for k in range(2, 8)], format="~e", gridColor="#eeeeee")
    scale = alt.Scale(type="log", domain=[bottom, top], nice=False)
    shapes = alt.Scale(domain=["S_T resolved", "no S_T within error"], range=["circle", "cross"])
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("H:Q", title="H_T, bits per token", axis=alt.Axis(grid=False)),
        color=alt.Color("source:N", scale=alt.Scale(scheme="tableau20"), sort=None, title=None),
    )
    bars = base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    points = base.mark_point(filled=True, size=80, opacity=0.9).encode(
        y=alt.Y("S:Q", title="S_T, bits", scale=scale, axis=powers),
        shape=alt.Shape("status:N", title=None, scale=shapes),
    )
    panel = alt.layer(bars, points).properties(width=270, height=230)
    panels = panel.facet(facet=alt.Facet("family:N", title=None, sort=list(found)), columns=2)
    return panels.configure(background="white", padding=12).configure_axis(
        labelFontSize=12, titleFontSize=13, titleFontWeight="normal"
    )


def main() -> None:
    configure_process()
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=400, help="of every trained run")
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
