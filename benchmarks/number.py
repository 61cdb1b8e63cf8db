"""Which values does one number go through? The code of docs/how-a-number-is-made.md, on the demo.

Run: python benchmarks/number.py  (three minutes on two cores, or seconds where runs/demo is there)

Runs the demo, then the page's Python blocks one after the other, as a reader would, and keeps what
each prints under the name of the place that shows it.
"""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from result import write

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "how-a-number-is-made.md"
BLOCK = re.compile(r"^```python\n(.*?)^```\n\n<!-- number_(\w+) -->", re.MULTILINE | re.DOTALL)
DEMO = ("run", "configs/demo.yaml", "--store", "runs/demo")


def printed(page: str) -> dict[str, str]:
    """What each block of a page prints, by the name of its place."""
    names: dict[str, Any] = {}
    found = {}
    for block, place in BLOCK.findall(page):
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(compile(block, place, "exec"), names)
        found[place] = output.getvalue()
    return found


def main() -> None:
    """Train the demo where it is missing, run the blocks, and write the result."""
    with contextlib.chdir(ROOT):
        subprocess.run([sys.executable, "-m", "epiplexity_jax", *DEMO], check=True)
        found = printed(PAGE.read_text("utf-8"))
    for place, text in found.items():
        print(f"{place}:\n{text}")
    print(write("number", printed=found))


if __name__ == "__main__":
    main()
