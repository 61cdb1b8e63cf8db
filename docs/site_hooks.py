"""Hooks of the documentation site: files outside of docs/, and folders in its navigation.

Pages link to files outside of docs/ by their places in the repository. In the site the changelog
and the page for contributors are pages of their own, and every other file that a page links to
becomes a page with numbered lines.
"""

import os
import posixpath
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
"""Pages of the site by the file at the top of the repository that they show."""
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
CELL = re.compile(r"<td.*?</td>", re.DOTALL)
NUMBERED = re.compile(r'id="(__codelineno-[^"]+)"')
LINE = re.compile(r"#L(\d+)")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".json": "json", ".toml": "toml"}
CODE = "---\nsearch: {{exclude: true}}\nhide: [navigation, toc]\n---\n\n# {path}\n\n{content}\n"


def on_config(config: MkDocsConfig) -> None:
    """Put the pages of a folder in the place of its name."""
    config.nav = _expanded(config.nav)


def _expanded(nav: Any) -> Any:
    match nav:
        case str() if nav.endswith("/"):
            names = (path.name for path in (DOCS / nav).glob("*.md"))
            indexes = {"index.md", "README.md"}
            return [nav + name for name in sorted(names, key=lambda n: (n not in indexes, n))]
        case list():
            return [_expanded(each) for each in nav]
        case dict():
            return {title: _expanded(each) for title, each in nav.items()}
    return nav


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages that show files from outside of docs/."""
    for name, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text("utf-8")))
    for path in sorted(_linked(files)):
        content = CODE.format(path=path, content=_shown(ROOT / path))
        inclusion = InclusionLevel.NOT_IN_NAV
        files.append(File.generated(config, _page(path), content=content, inclusion=inclusion))


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links that leave docs/, or come from outside of it, to pages of the site.

    The home page has the whole width: it needs no list of neighbours, and GitHub shows no settings.
    """
    if page.is_homepage:
        page.meta["hide"] = ["navigation", "toc"]
    return LINK.sub(lambda link: _turned(link, page.file.src_uri), markdown)


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Show | for its escape in cells, as GitHub does, and add the anchors of numbered lines.

    MkDocs itself finds the anchors of the Markdown alone.
    """
    page.present_anchor_ids |= set(NUMBERED.findall(html))
    return CELL.sub(lambda cell: cell[0].replace(r"\|", "|"), html)


def _turned(link: re.Match[str], uri: str) -> str:
    path = _target(link[1], uri)
    if path is None or (_is_of_docs(uri) and path.startswith("docs/")):
        return link[0]
    here = posixpath.dirname(uri)
    anchor = LINE.sub(r"#__codelineno-0-\1", link[2] or "")
    return f"]({posixpath.relpath(_page(path), here or '.')}{anchor})"


def _linked(files: Files) -> set[str]:
    """Files and folders outside of docs/ that pages link to, without those in PAGES."""
    found = {
        path
        for file in files.documentation_pages()
        for target, _ in LINK.findall(file.content_string)
        if (path := _target(target, file.src_uri)) is not None
    }
    return {p for p in found if not p.startswith("docs/") and p not in PAGES}


def _target(link: str, uri: str) -> str | None:
    """The file or folder of the repository that a page links to; None where there is none."""
    shown = {page: name for name, page in PAGES.items()}
    here = PurePosixPath(shown.get(uri, f"docs/{uri}")).parent
    path = os.path.normpath(here / link)
    return path if (ROOT / path).exists() else None


def _is_of_docs(uri: str) -> bool:
    """Return whether a page of the site is a file of docs/."""
    return uri not in PAGES.values()


def _page(path: str) -> str:
    """The page of the site that shows a file or folder of the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return PAGES.get(path) or f"files/{path}.md"


def _shown(path: Path) -> str:
    """A file as numbered lines, or the names of a folder's files."""
    if path.is_dir():
        return "\n".join(f"- {each.name}" for each in sorted(path.iterdir()))
    language = LANGUAGES.get(path.suffix, "text")
    return f'````{language} linenums="1"\n{path.read_text("utf-8")}\n````'
