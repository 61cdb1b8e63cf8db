"""The pages of sources and families are what docs/generate.py writes, and their examples open."""

import re
from pathlib import Path

import pytest
import yaml

from docs import examples, generate, measured
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
