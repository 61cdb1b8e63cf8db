"""Results and progress in a real kernel, and the notebooks of the documentation."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from docs.run_notebooks import executed

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("docs/notebooks/*.ipynb"))
PICTURE = {"text/plain", "text/html", "image/png"}
TABLE = {"text/plain", "text/html"}
SHOWN = {
    "first-steps.ipynb": {
        "progress_bar": TABLE,
        "runs": TABLE,
        "frontier": PICTURE,
        "frontier.at": TABLE,
        "runs.decompositions": TABLE,
        "runs.rank": PICTURE,
        "to_pandas": TABLE,
        "to_polars": TABLE,
    }
}
BAR = """
import epiplexity_jax as epx
bar = epx.progress_bar()
for round in range(2):
    bar.start(runs=3, finished=0, member_steps=300)
    for _ in range(100):
        bar.advance(3, 96, {"<b>x": 3.25})
    for _ in range(3):
        bar.run_done({})
    bar.message(f"round {round}: <b>stopped")
bar.close()
"""
AGAIN = "bar.start(runs=1, finished=1, member_steps=0)\nbar.close()"


@pytest.fixture(autouse=True)
def _own_package(monkeypatch):
    """Kernels import the package of this checkout."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


def outputs(notebook):
    """Outputs of the cells of code, by source, and kinds of data by output."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return {cell.source: cell.outputs for cell in cells}


def kinds(output):
    return set(output.get("data", {})) or {output.output_type}


def test_a_bar_is_one_output_that_keeps_its_last_state(tmp_path):
    cells = [nbformat.v4.new_code_cell(text) for text in (BAR, AGAIN)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, kernel_name="python3", resources=resources).execute()
    first, again = outputs(notebook).values()
    (output,), (other,) = first, again
    assert kinds(output) == {"text/plain", "text/html"}
    lines = output.data["text/plain"].splitlines()
    assert re.fullmatch(r"runs 3/3, \d+ s in all", lines[0])
    assert lines[1:] == ["round 0: <b>stopped", "round 1: <b>stopped"]
    assert '<progress value="1.000"' in output.data["text/html"]
    assert "round 1: &lt;b&gt;stopped" in output.data["text/html"]
    assert other.data["text/plain"] == "runs 1/1, 0 s in all"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_stored_with_what_it_shows(path):
    check(nbformat.read(path, as_version=4), path.name)
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp)/|<script", text)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs(path, tmp_path):
    check(executed(path, tmp_path), path.name)


def check(notebook, name):
    """Check that every cell ran in order without errors, and the kinds of what it shows."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    shown = {source: [kinds(o) for o in own] for source, own in outputs(notebook).items()}
    every = [kind for own in shown.values() for one in own for kind in one]
    assert "error" not in every
    for word, expected in SHOWN[name].items():
        last = [own[-1] for source, own in shown.items() if f"{word}(" in source or source == word]
        last += [own[-1] for source, own in shown.items() if source.splitlines()[-1] == word]
        assert expected in last, word
    streams = [o for own in outputs(notebook).values() for o in own if o.output_type == "stream"]
    assert {o.name for o in streams} <= {"stdout"}
