"""Write a report: one HTML page, and its summary beside it."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import to_jsonable_python

from epiplexity_jax.base.errors import ConfigError, EpiplexityError
from epiplexity_jax.base.files import read_if_there, reason, write_atomically
from epiplexity_jax.pages.build import page_of
from epiplexity_jax.pages.facts import report_words
from epiplexity_jax.pages.gather import Report, gather
from epiplexity_jax.pages.summary import summary_json, summary_markdown
from epiplexity_jax.report.page.content import Page
from epiplexity_jax.report.page.render import render
from epiplexity_jax.results import Runs

PAGE, JSON, MARKDOWN = "report.html", "summary.json", "summary.md"


class Written(NamedTuple):
    """A report that was written.

    Attributes:
        page: the HTML file; json, markdown: its summary.
        content: what the page shows.
    """

    page: Path
    json: Path
    markdown: Path
    content: Page


def write_report(
    stores: Sequence[str | os.PathLike[str] | Runs] | str | os.PathLike[str] | Runs,
    path: str | os.PathLike[str] | None = None,
    *,
    compute: Sequence[float] | None = None,
    sources: Sequence[str] | None = None,
    **options: Any,
) -> Written:
    """Write a page that people read, from stores; nothing is trained.

    Beside the page stand `summary.json` and `summary.md`.

    Args:
        stores: one store or several, or their runs.
        path: the HTML file; default: report.html in the first store.
        compute: budgets in FLOPs; default: as `Runs.decompositions` has them.
        sources: names of some sources; None are all.
        **options: test_tokens, estimator, variant, floor and procedure, as for `Runs.frontier`.

    Raises:
        ConfigError: when an argument is not allowed, or no test tokens are known.
        StoreError: when a folder is not a store, or holds no run yet.
        EpiplexityError: when a file cannot be written.
    """
    several = [stores] if isinstance(stores, Runs | str | os.PathLike) else list(stores)
    check_path(path)
    found = gather(several, compute, sources, **options)
    file = Path(path) if path is not None else found.stores[0].runs.path / PAGE
    check_path(file)
    return _write(found, file, report_words(path, compute, sources, options))


def check_path(path: str | os.PathLike[str] | None) -> None:
    """Refuse a file that is no HTML, before any work is done for it.

    Raises:
        ConfigError: when its ending is another, it is a folder, or somebody else's file has the
            name of its summary.
    """
    if path is None:
        return
    file = Path(path)
    if file.suffix not in (".html", ".htm"):
        raise ConfigError(f"output: {file} must end in .html")
    if file.is_dir():
        raise ConfigError(f"output: {file} is a folder; name a file in it")
    for name, is_ours in ((JSON, _is_summary), (MARKDOWN, _is_markdown)):
        beside = file.with_name(name)
        content = read_if_there(beside)
        if content is not None and not is_ours(content):
            raise ConfigError(
                f"output: {beside} is there and is no summary of a report; name a page in another "
                "folder"
            )


def _is_summary(content: bytes) -> bool:
    try:
        found = json.loads(content)
    except ValueError:
        return False
    return isinstance(found, dict) and {"version", "stores", "answer"} <= found.keys()


def _is_markdown(content: bytes) -> bool:
    return content.startswith(b"# What a model can learn")


def _write(found: Report, file: Path, words: Sequence[str]) -> Written:
    page = page_of(found, words)
    plain = to_jsonable_python(
        summary_json(found, page, words), inf_nan_mode="null", fallback=lambda v: v.item()
    )
    written = Written(file, file.with_name(JSON), file.with_name(MARKDOWN), page)
    texts = {
        written.page: render(page),
        written.json: json.dumps(plain, indent=2, allow_nan=False) + "\n",
        written.markdown: summary_markdown(found, page),
    }
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text.encode())
        except OSError as error:
            raise EpiplexityError(f"{path}: cannot be written: {reason(error)}") from None
    return written
