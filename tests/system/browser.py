"""A headless browser for pages: Debian's chromium, driven by Playwright."""

import os
import shutil
from contextlib import contextmanager

import pytest

NEEDED = os.environ.get("BROWSER_NEEDED") == "1"  # as in CI, which installs one
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def program():
    """The browser's file; a test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        assert not NEEDED, "BROWSER_NEEDED=1, and there is no chromium"
        pytest.skip("no chromium on this machine")
    return found


@contextmanager
def started():
    """A browser."""
    path = program()
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield browser
        browser.close()


@contextmanager
def opened(browser, url, width=1280, scheme="light"):
    """A page that is drawn whole; at the end it must not have written any error."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
    )
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    page.wait_for_selector("body[data-ready]", state="attached", timeout=60_000)
    yield page
    assert said == [], said  # pytest does not rewrite the assertions of this module
    context.close()
