"""Write the picture of docs/report.md: the page of the demo's store in a headless browser.

Run: python docs/screenshots.py STORE  (a finished store of configs/demo.yaml; needs chromium and
the developers' packages)
"""

import sys
import tempfile
from pathlib import Path

import epiplexity_jax as epx
from tests.system.browser import opened, started

IMAGE = Path(__file__).parent / "images" / "report.png"


def main() -> None:
    """Take the picture."""
    with tempfile.TemporaryDirectory() as folder, started() as browser:
        written = epx.write_report(sys.argv[1], Path(folder) / "report.html")
        with opened(browser, written.page.as_uri(), width=1200) as page:
            page.set_viewport_size({"width": 1200, "height": 1010})
            page.screenshot(path=IMAGE)


if __name__ == "__main__":
    main()
