"""Pages in a browser: controls, downloads, print, small screens, accessibility; a live sweep."""

import csv
import io
import json
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import yaml

from epiplexity_jax.pages.write import write_report
from tests.system.browser import opened, started
from tests.unit.store.stored import make_store

pytestmark = pytest.mark.slow
MOVED = ("code", "structure", "rate", "mdl", "epiplexity", "entropy", "values-0", "ranks-0")


@pytest.fixture(scope="module")
def browser():
    with started() as found:
        yield found


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A report of a small store that was never trained."""
    store = make_store(tmp_path_factory.mktemp("pages") / "small")
    return write_report(store.path)


@pytest.fixture(scope="module")
def url(written):
    return written.page.resolve().as_uri()


def drawn(page):
    """What every chart shows, by name."""
    names = page.eval_on_selector_all("[data-chart]", "all => all.map(one => one.dataset.chart)")
    return {name: page.inner_html(f'[data-chart="{name}"]') for name in names}


def data(page):
    return json.loads(page.text_content("#page-data"))


def test_the_slider_moves_every_chart_and_names_the_model(browser, url):
    with opened(browser, url) as page:
        before, first = drawn(page), page.inner_text("#readout")
        assert set(MOVED) <= set(before)
        page.focus("#slider")
        page.keyboard.press("Home")
        page.wait_for_timeout(300)
        after = drawn(page)
        assert [name for name in MOVED if after[name] == before[name]] == []
        stops, readout = data(page)["stops"], data(page)["readout"]
        assert page.inner_text("#slider-value") == f"{stops[0]} FLOPs"
        assert page.get_attribute("#slider", "aria-valuetext") == f"{stops[0]} FLOPs"
        cells = page.eval_on_selector_all(
            "#readout tbody tr", "rows => rows.map(r => [...r.cells].map(c => c.textContent))"
        )
        assert cells == readout[0]
        assert page.inner_text("#readout") != first
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#slider-value") == f"{stops[1]} FLOPs"


def test_the_slider_shows_a_run_of_the_best_model_and_a_run_can_be_chosen(browser, url):
    with opened(browser, url) as page:
        values = data(page)
        chosen = values["chosen"][len(values["stops"]) - 1][0]
        page.focus("#slider")
        page.keyboard.press("End")
        assert page.input_value("#run") == str(chosen)
        before = drawn(page)
        other = (chosen + 1) % len(values["runs"])
        page.select_option("#run", str(other))
        page.wait_for_timeout(300)
        after = drawn(page)
        assert after["area"] != before["area"]
        page.click("#all-runs summary")
        page.wait_for_function(
            f"document.querySelectorAll('#all-runs svg').length === {len(values['runs'])}"
        )
        widths = "all => all.map(one => one.getBoundingClientRect().width)"
        assert min(page.eval_on_selector_all("#all-runs svg", widths)) > 80


def test_hover_says_the_numbers(browser, url):
    with opened(browser, url) as page:
        place = page.locator('[data-chart="epiplexity"] svg').first
        place.scroll_into_view_if_needed()
        points = page.locator('[data-chart="epiplexity"] .mark-symbol path')
        points.nth(points.count() // 4).hover(force=True)
        page.wait_for_selector("#vg-tooltip-element.visible")
        assert "FLOPs" in page.inner_text("#vg-tooltip-element")


def test_tables_sort_and_download(browser, url, written):
    with opened(browser, url) as page:
        head = '#table-frontier th:has-text("S_T")'
        column = page.eval_on_selector(head, "one => one.cellIndex")
        for direction in ("ascending", "descending"):
            page.click(f"{head} button")
            assert page.get_attribute(head, "aria-sort") == direction
            cells = page.eval_on_selector_all(
                "#table-frontier tbody tr",
                f"rows => rows.map(row => row.cells[{column}].textContent)",
            )
            values = [float(re.match(r"[-\d.e]+", cell)[0]) for cell in cells]
            assert values == sorted(values, reverse=direction == "descending")
        texts = {}
        for kind in ("csv", "json"):
            with page.expect_download() as download:
                page.click(f'[data-{kind}="frontier"]')
            assert download.value.suggested_filename == f"epiplexity-frontier.{kind}"
            texts[kind] = download.value.path().read_text(encoding="utf-8")
    kept = json.loads(written.json.read_text(encoding="utf-8"))["frontier"]
    assert json.loads(texts["json"]) == kept
    rows = list(csv.DictReader(io.StringIO(texts["csv"])))
    assert [row["source"] for row in rows] == [row["source"] for row in kept]
    assert float(rows[0]["epiplexity_bits"]) == kept[0]["epiplexity_bits"]


def test_a_picture_is_saved(browser, url):
    with opened(browser, url) as page:
        with page.expect_download() as download:
            page.click('[data-save="mdl"]')
        assert download.value.path().read_text(encoding="utf-8").startswith("<svg")


def test_print_cuts_no_chart(browser, url):
    with opened(browser, url) as page:
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 700, "height": 990})  # A4 within its margins
        boxes = page.eval_on_selector_all(
            "[data-chart] svg", "all => all.map(one => one.getBoundingClientRect().right)"
        )
        assert len(boxes) > len(MOVED)
        assert max(boxes) <= 700
        tables = "all => all.map(one => one.getBoundingClientRect().right)"
        assert max(page.eval_on_selector_all("table", tables)) <= 700
        assert not page.is_visible("#slider")


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")]
)
def test_nothing_is_inaccessible(browser, url, width, scheme):
    axe = pytest.importorskip("axe_core_python.sync_playwright")
    with opened(browser, url, width, scheme) as page:
        if "all-runs" in page.content():
            page.click("#all-runs summary")
        found = axe.Axe().run(page)
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
        assert "color-contrast" in [one["id"] for one in found["passes"]]
        assert page.evaluate("document.documentElement.scrollWidth") <= width


SWEEP = {
    "sources": {"text": {"kind": "python_stdlib", "length": 32}},
    "family": {"kind": "transformer", "widths": [8, 16], "depths": [1], "seeds": 2},
    "recipe": "fixed",
    "training": {"steps": 1500, "batch_size": 8, "warmup_steps": 2},
    "heldout": {"tokens": 8192, "record_tokens": 2048},
    "frontier": {"test_tokens": 1e6},
}


def command(*words):
    return [sys.executable, "-m", "epiplexity_jax", *map(str, words)]


@contextmanager
def process(*words, **pipes):
    """A command in a process of its own, which does not outlive the test."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command(*words), text=True, **(quiet | pipes)) as started:
        try:
            yield started
        finally:
            started.kill()


def until(page, words, seconds=240):
    """Wait until the page says some words of its sweep."""
    page.wait_for_function(
        "words => document.querySelector('#live-state').textContent.includes(words)",
        arg=words,
        timeout=1000 * seconds,
    )


def begun(store):
    """Wait until a sweep has told its store that it trains."""
    while not (store / "progress.json").exists():
        time.sleep(0.1)


def test_a_watched_sweep_may_be_killed_and_resumed(browser, tmp_path):
    config, store = tmp_path / "sweep.yaml", tmp_path / "store"
    config.write_text(yaml.safe_dump(SWEEP), encoding="utf-8")
    run = ("run", config, "--store", store)
    with process(*run) as training:
        begun(store)
        with process("watch", store, stdout=subprocess.PIPE) as server:
            url = re.search(r"http://\S+/", server.stdout.readline())[0]
            with opened(browser, url) as page:
                until(page, "Training")
                freeze(training, store)
                there(page, "#budget")
                training.kill()
                until(page, "has stopped without saying why")
                assert len(data(page)["runs"]) < 4
                assert "The same command goes on: epiplexity-jax run" in page.inner_text("#live")
                subprocess.run(command(*run), capture_output=True, check=True)
                until(page, "The sweep is finished.")
                there(page, "#floors")
                assert len(data(page)["runs"]) == 4
                assert server.wait(60) == 0
                assert not page.is_visible("#lost")


def freeze(training, store):
    """Stop a sweep where it is, with its first runs finished and others left to train."""
    while not list((store / "histories").glob("*.parquet")):
        time.sleep(0.02)
    training.send_signal(signal.SIGSTOP)


def there(page, place):
    """Wait until the page has a part."""
    page.wait_for_function(
        "place => document.querySelector(place) !== null", arg=place, timeout=240_000
    )


def test_a_page_that_loses_its_server_says_so(browser, tmp_path):
    config, store = tmp_path / "sweep.yaml", tmp_path / "store"
    endless = {"sources": {"noise": {"kind": "noise", "vocab_size": 4, "length": 32}}}
    endless["training"] = SWEEP["training"] | {"steps": 10**6}
    config.write_text(yaml.safe_dump(SWEEP | endless), encoding="utf-8")
    with process("run", config, "--store", store, "--watch", stderr=subprocess.PIPE) as training:
        said = (re.search(r"http://\S+:(\d+)/", line) for line in training.stderr)
        url = next(filter(None, said))
        page = browser.new_page()
        page.goto(url[0])
        until(page, "Training")
        assert not page.is_visible("#lost")
        training.terminate()
        page.wait_for_selector("#lost:not([hidden])", timeout=60_000)
        cure = f"epiplexity-jax watch {store} --port {url[1]}"
        assert cure in page.inner_text("#lost")
        page.close()
