"""What the documentation promises: commands and code run, links lead somewhere."""

import gzip
import lzma
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from epiplexity_jax.sweep.config_file import read_config
from tests.system.forks import Forks

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
    if page.is_file()
]
SHELL, PYTHON = (
    re.compile(rf"^```(?:{names})\n(.*?)^```", re.MULTILINE | re.DOTALL)
    for names in ("bash|console", "python")
)
CLI = "epiplexity-jax"
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")
TINY = {
    r"widths=\([^)]*\)": "widths=(16,)",
    r"depths=\([^)]*\)": "depths=(1,)",
    r"steps=\d{3,}, store": "steps=6, heldout=epx.Heldout(tokens=8192), store",
    r"steps=\d{3,}": "steps=6",
    r"store=\"runs": 'recipe="fixed", store="runs',
    r"Heldout\(tokens=\d{2,}_000\)": "Heldout(tokens=8192)",
}
SMALL = {
    "family": {
        "transformer": {"widths": [16], "depths": [1], "seeds": 2},
        "ngram": {"orders": [0, 1], "seeds": 2},
    },
    "recipe": "fixed",
    "training": {"steps": 6, "batch_size": 4, "warmup_steps": 2},
    "heldout": {"tokens": 8192, "record_tokens": 2048},
}

# Questions that are answered in seconds.
QUICK = {
    "measure": " --minutes 14 --test-tokens 40000 --budgets 1.2e9 --length 16",
    "rank": " --test-tokens 40000 --compute 1.2e9",
}

# Pages whose commands take ten seconds and more.
LONG = (
    *("cli.md", "large-runs.md", "measure.md", "questions.md", "rank.md", "requential.md"),
    *("README.md", "report.md", "start.md", "trackers.md", "transfer.md"),
)
LONG_CODE = ("own-models.md", "requential.md")


def commands(page: Path) -> list[str]:
    """The commands in a page's shell blocks: all lines, or those after `$ ` where there are any."""
    lines = []
    for block in SHELL.findall(page.read_text(encoding="utf-8")):
        prompted = any(line.startswith("$ ") for line in block.splitlines())
        for line in block.replace("\\\n", " ").splitlines():
            if not prompted or line.startswith("$ "):
                lines.append(line.removeprefix("$ ").strip())
    return lines


def of(program: str) -> list[tuple[Path, list[str]]]:
    """Pages that call a program, with its calls in order."""
    calls = [(page, [c for c in commands(page) if c.split(" ")[0] == program]) for page in PAGES]
    return [(page, lines) for page, lines in calls if lines]


def trains(line: str) -> bool:
    """Return whether a command trains sources for minutes, without a store."""
    return line.split()[1] == "measure" or "rank book.txt" in line


def where_it_runs(calls: list[tuple[Path, list[str]]]) -> list[tuple[Path, list[str]]]:
    """Calls, of which those that train are run once, on a page of LONG where one has them."""
    homes: dict[str, Path] = {}
    for page, lines in sorted(calls, key=lambda call: call[0].name not in LONG):
        for line in filter(trains, map(bare, lines)):
            homes.setdefault(line, page)
    kept = [
        (page, [line for line in lines if homes.get(bare(line), page) == page])
        for page, lines in calls
    ]
    return [(page, lines) for page, lines in kept if lines]


def bare(line: str) -> str:
    """A command without its comment."""
    return line.partition(" #")[0].rstrip()


def name(value: object) -> str | None:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else ""


def slow(page: Path, pages: tuple[str, ...]) -> tuple[pytest.MarkDecorator, ...]:
    """The mark of a page that is one of those."""
    return (pytest.mark.slow,) if page.name in pages else ()


def cut_down(path: Path) -> str:
    """A config that trains in seconds, as YAML."""
    config = read_config(path, [])
    kind = config["family"]["kind"]
    config["family"] = {"kind": kind, **SMALL["family"][kind]}
    config |= {section: SMALL[section] for section in ("recipe", "training", "heldout")}
    config.get("frontier", {}).pop("compute", None)
    return yaml.safe_dump(config)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory, forks):
    """A folder with every config cut down to seconds, a text file, and a finished demo store."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "configs").mkdir()
    for path in ROOT.glob("configs/*.yaml"):
        (folder / "configs" / path.name).write_text(cut_down(path), encoding="utf-8")
    (folder / "book.txt").write_text("It was the best of times. " * 4000, encoding="ascii")
    (folder / "corpus.gz").write_bytes(gzip.compress(b"It was the worst of times. " * 4000))
    shutil.copytree(ROOT / "epiplexity_jax" / "coding", folder / "src")
    shutil.copy(ROOT / "epiplexity_jax" / "store" / "store.py", folder / "code.py")
    (folder / "packed").write_bytes(lzma.compress(Path(shutil.__file__).read_bytes() * 3))
    numbers = "".join(f"{i},{i * i % 97}\n" for i in range(12_000))
    (folder / "table.csv").write_text(f"number,square\n{numbers}", encoding="ascii")
    shutil.copytree(ROOT / "tests" / "data" / "laws", folder / "tests" / "data" / "laws")
    shutil.copytree(ROOT / "docs" / "examples", folder / "docs" / "examples")
    done = shell("epiplexity-jax run configs/demo.yaml --store runs/demo", folder, forks)
    assert done.returncode == 0, done.stderr
    return folder


def quick(line: str) -> str:
    """A command that trains sources for minutes, cut down to seconds; others as they are."""
    command, line = line.split()[1], line.replace("1e12,3e12", "2e10,3e10 frontier.test_tokens=1e6")
    return bare(line) + QUICK[command] if trains(line) else line


def shell(command: str, folder: Path, forks: Forks) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": forks.path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("page", "lines"),
    [
        pytest.param(*call, marks=slow(call[0], LONG), id=name(call[0]))
        for call in where_it_runs(of(CLI))
    ],
)
def test_commands_run(page, lines, workshop, forks):
    for line in lines:
        done = shell(quick(line), workshop, forks)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert "Traceback" not in done.stderr, line
        if " init " in line:  # as the other configs: cut down to seconds
            path = workshop / line.split()[-1]
            path.write_text(cut_down(path), encoding="utf-8")


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=slow(page, LONG_CODE), id=name(page))
        for page in PAGES
        if PYTHON.search(page.read_text("utf-8"))
    ],
)
def test_python_runs(page, workshop, forks):
    code = "\n".join(PYTHON.findall(page.read_text(encoding="utf-8")))
    for whole, part in TINY.items():
        code = re.sub(whole, part, code)
    done = subprocess.run([forks.python, "-c", code], cwd=workshop, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("page", "lines"), of("make"), ids=name)
def test_make_targets_exist(page, lines):
    targets = re.findall(
        r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        assert {word for word in words if "=" not in word} <= set(targets), line


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
