"""Generated parts of the documentation are what the scripts of docs/ write; examples open."""

import json
import re
from pathlib import Path

import pytest
import yaml

from docs import code_lines, examples, generate, measured
from epiplexity_jax.families import registry as families
from epiplexity_jax.sources import opening as sources
from epiplexity_jax.sources.spec import HostSource

DOCS = Path(__file__).parents[2] / "docs"
SOURCES = [entry["kind"] for entry in sources.kinds()]
FAMILIES = [entry["kind"] for entry in families.kinds()]
YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("examples")
    examples.make_files(made)
    return made


def blocks(page: str) -> list[dict]:
    return [yaml.safe_load(text) for text in YAML.findall((DOCS / page).read_text("utf-8"))]


def test_committed_pages_are_what_the_script_writes():
    written = generate.pages()
    committed = {
        f"{name}/{path.name}": path.read_text(encoding="utf-8")
        for name in ("sources", "families")
        for path in (DOCS / name).glob("*.md")
    }
    assert sorted(committed) == sorted(written), "run `make docs`"
    changed = [page for page, text in written.items() if committed[page] != text]
    assert not changed, "run `make docs`"


def test_tables_of_measurements_are_what_the_results_say():
    pages = [page.read_text("utf-8") for page in measured.PAGES]
    marked = [match[2] for page in pages for match in measured.MARKED.finditer(page)]
    assert set(marked) == set(measured.TABLES)
    assert pages == [measured.filled(page) for page in pages], "run `make docs`"


@pytest.mark.parametrize(
    ("text", "problem"),
    [(None, "is missing"), ("{", "cannot be read"), ("[]", "expected a JSON object, got list")],
)
def test_a_result_that_cannot_be_read_stops_the_tables(
    text, problem, monkeypatch, tmp_path, capsys
):
    """No page is written, and the message names the benchmark."""
    page = tmp_path / "page.md"
    page.write_text("<!-- window -->\nold\n<!-- end -->\n", encoding="utf-8")
    monkeypatch.setattr(measured, "RESULTS", tmp_path)
    monkeypatch.setattr(measured, "PAGES", (page,))
    if text is not None:
        (tmp_path / "window.json").write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        measured.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(f"benchmarks/results/window.json: {problem}")
    assert said.endswith("; run `python benchmarks/window.py`\n")
    assert "old" in page.read_text("utf-8")


def test_every_result_names_its_benchmark():
    folder = measured.RESULTS.parent
    assert [
        name for name, _ in measured.TABLES.values() if not (folder / f"{name}.py").exists()
    ] == []


def test_links_to_code_have_the_lines_of_their_names():
    pages = {path: path.read_text("utf-8") for path in DOCS.rglob("*.md")}
    assert sum(len(code_lines.LINK.findall(page)) for page in pages.values()) > 10
    moved = [path.name for path, page in pages.items() if code_lines.filled(page) != page]
    assert not moved, "run `make docs`"


def test_a_link_to_a_name_that_is_gone_is_refused():
    page = "[`gone`](../epiplexity_jax/coding/area.py#L1)"
    with pytest.raises(KeyError, match="gone"):
        code_lines.filled(page)
    found = code_lines.filled(page.replace("gone", "interpolate_sum"))
    line = int(found.removesuffix(")").rpartition("#L")[2])
    text = (DOCS.parent / "epiplexity_jax/coding/area.py").read_text("utf-8").splitlines()
    assert text[line - 1].startswith("def interpolate_sum(")


def test_the_number_that_is_followed_is_that_of_the_demo():
    """The last value of the page on one number, the page's own first line, and the demo's table."""
    printed = json.loads((measured.RESULTS / "number.json").read_text("utf-8"))["printed"]
    found = re.search(r"S_T = (\S+) ± (\S+) bits", printed["interval"])
    bits, half_width = (f"{float(one):.2g}" for one in found.groups())
    budget = float(re.search(r"T = (\S+) FLOPs", printed["result"])[1])
    table = (DOCS / "frontier.md").read_text("utf-8")
    row = re.findall(r"^ text +(\S+) +(\S+) ±(\S+) ", table, re.MULTILINE)[-1]
    assert [f"{float(one):.2g}" for one in row] == [f"{budget:.2g}", bits, half_width]
    page = (DOCS / "how-a-number-is-made.md").read_text("utf-8")
    stated = re.search(r"epiplexity of (\S+) ± (\S+) bits at (\S+)\s+FLOPs", page).groups()
    assert [float(one) for one in stated] == [float(bits), float(half_width), budget]


@pytest.mark.parametrize("page", ["docs/start.md"])
def test_answers_that_are_quoted_are_rows_of_the_whole_one(page):
    """Rows of `measure`'s table on other pages are those of docs/measure.md."""
    whole = (DOCS / "measure.md").read_text("utf-8").splitlines()
    text = (DOCS.parent / page).read_text("utf-8").partition(" T, FLOPs  source")[2]
    rows = text.partition("```")[0].splitlines()[2:]
    assert len(rows) > 2
    assert [row for row in rows if row not in whole] == []


def test_examples_are_those_of_the_registered_kinds():
    assert sorted(examples.SOURCES) == SOURCES
    assert sorted(examples.FAMILIES) == FAMILIES


def test_a_kind_without_an_example_is_refused(monkeypatch):
    monkeypatch.delitem(examples.FAMILIES, "ngram")
    with pytest.raises(KeyError, match="'ngram' has no example: write one in docs/examples.py"):
        generate.pages()


@pytest.mark.parametrize("kind", SOURCES)
def test_the_example_of_a_source_opens(kind, folder):
    (block,) = blocks(f"sources/{kind}.md")
    assert block["sources"]
    with examples.in_folder(folder):
        for name, data in block["sources"].items():
            config = sources.parse(data, name)
            assert config.model_dump()["kind"] == kind
            source = sources.open_source(config)
            assert source.info.label_tokens
            assert not isinstance(source, HostSource) or source.sequences


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_example_of_a_family_opens(kind):
    (block,) = blocks(f"families/{kind}.md")
    config = families.parse(block["family"], "family")
    assert families.open_family(config).kind == kind
    assert families.open_family(config).sizes()


@pytest.mark.parametrize("kind", SOURCES + FAMILIES)
def test_every_parameter_is_on_its_page(kind):
    layer, entries = ("sources", sources) if kind in SOURCES else ("families", families)
    (entry,) = [e for e in entries.kinds() if e["kind"] == kind]
    text = (DOCS / layer / f"{kind}.md").read_text("utf-8").partition("\n## Parameters\n")[2]
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (.+) \| .+ \|$", text.partition("\n## ")[0], re.M)
    assert [name for name, _ in rows] == [p["name"] for p in entry["parameters"]]
    assert [default == "required" for _, default in rows] == [
        p["required"] for p in entry["parameters"]
    ]


@pytest.mark.parametrize("page", ["sources.md", "families.md", "own-data.md"])
def test_configs_on_the_overview_pages_are_configs(page):
    found = 0
    for block in blocks(page):
        for name, data in block.get("sources", {}).items():
            sources.parse(data, name)
            found += 1
        if "family" in block:
            families.parse(block["family"], "family")
            found += 1
    assert found
