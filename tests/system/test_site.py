"""The documentation site: built strictly, whole, readable from disk and without a network."""

import html.parser
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

import epiplexity_jax as epx

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
"""Attributes by which a page loads something, by tag."""
CSS_URL = re.compile(r"""(?:url\(|@import\s+)["']?([^"')\s]+)""")
BROKEN = re.compile(r"<p>[^<]*(?:<(?!/p>)[^<]*)*?\n(?:[-*|]|\d+\.) ")
"""A list or a table that was not read as one, as no blank line precedes it."""


class Page(html.parser.HTMLParser):
    """A page's anchors, links, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if found.get(LOADED.get(tag, "")) and found.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(found[LOADED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {
        path.relative_to(site).as_posix(): Page(path.read_text("utf-8"))
        for path in site.rglob("*.html")
    }


def test_every_link_and_every_anchor_leads_somewhere(site, pages):
    lost = []
    for name, page in pages.items():
        if name == "404.html":  # whose links begin at the address of a server
            continue
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            place = (site / name).parent / unquote(parts.path) if parts.path else site / name
            target = Path(os.path.normpath(place)).relative_to(site).as_posix()
            anchor = unquote(parts.fragment)
            whole = not anchor or (target in pages and anchor in {*pages[target].ids, "__skip"})
            if not (site / target).is_file() or not whole:
                lost.append(f"{name}: {link}")
    assert lost == []


def test_nothing_is_loaded_from_another_host(site, pages):
    loaded = {link for page in pages.values() for link in page.loads}
    styles = {path: path.read_text("utf-8") for path in site.rglob("*.css")}
    assert styles
    loaded |= {url for text in styles.values() for url in CSS_URL.findall(text)}
    schemes = {urlsplit(link).scheme for link in loaded} | {link[:2] for link in loaded} & {"//"}
    assert schemes <= {"", "data"}
    # The theme's program has the address of a library that it loads for diagrams alone.
    assert not any('class="mermaid"' in path.read_text("utf-8") for path in site.rglob("*.html"))


def test_the_search_finds_words_without_a_server(site):
    text = (site / "search" / "search_index.js").read_text("utf-8")
    found = json.loads(text.removeprefix("var __index = "))["docs"]
    for word, place in {
        "prequential": "concepts.html",
        "multiplies widths": None,
        "interpolate_sum": "reference/coding.html",
        "Keep a Changelog": "changelog.html",
    }.items():
        places = {each["location"].partition("#")[0] for each in found if word in each["text"]}
        assert (place in places) if place else not places, word
    assert not any(each["location"].startswith("files/") for each in found)
    (shim,) = (site / "assets").glob("iframe-worker.js")
    assert "assets/iframe-worker.js" in (site / "index.html").read_text("utf-8")
    assert shim.stat().st_size


def test_every_page_is_in_the_navigation_and_on_the_home_page():
    from docs import site_hooks

    text = re.sub(r"!!python\S+", "", (ROOT / "mkdocs.yml").read_text("utf-8"))
    listed = set(re.findall(r"[\w/-]+\.md", str(site_hooks._expanded(yaml.safe_load(text)["nav"]))))
    written = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert listed == written | set(site_hooks.PAGES.values()), "see nav in mkdocs.yml"
    home = set(re.findall(r"\]\(([\w-]+\.md)\)", (DOCS / "index.md").read_text("utf-8")))
    assert home == {name for name in written if "/" not in name} - {"index.md"}, "see docs/index.md"


def test_lists_tables_and_doctests_are_read_as_such(site):
    broken = [
        f"{path.relative_to(site)}: {found[0][-60:]}"
        for path in site.rglob("*.html")
        if "files" not in path.relative_to(site).parts
        for found in [BROKEN.search(path.read_text("utf-8"))]
        if found
    ]
    assert broken == []
    assert "<code>rank STORE|SOURCE...</code>" in (site / "cli.html").read_text("utf-8")
    for path in (site / "reference").glob("*.html"):
        assert "<blockquote>" not in path.read_text("utf-8"), path.name


@pytest.mark.parametrize(
    "module",
    ["", ".coding", ".analysis", ".sources", ".families", ".engine", ".trackers", ".store"],
)
def test_the_reference_has_every_public_name(module, pages):
    package = epx if not module else importlib.import_module(f"epiplexity_jax{module}")
    names = {
        name
        for name in package.__all__
        if not name.startswith("__") and not isinstance(getattr(package, name), type(os))
    }
    assert names
    ids = set().union(*(page.ids for name, page in pages.items() if name.startswith("reference/")))
    prefix = f"epiplexity_jax{module}."  # a function may hide behind the module of its name
    assert {n for n in names if not {prefix + n, f"{prefix}{n}.{n}"} & ids} == set()


def test_a_link_to_code_leads_to_its_line(site, pages):
    found = pages["how-a-number-is-made.html"].links
    links = [link for link in found if "__codelineno" in link and link.startswith("files/")]
    assert len(links) > 10
    for link in links:
        path, line = link.split("#")
        after = (site / path).read_text("utf-8").partition(f'id="{line}"')[2].partition("\n")[0]
        code = re.sub(r"<[^>]*>", "", after.partition(">")[2])
        assert code.strip().startswith(("def ", "class ")), link
