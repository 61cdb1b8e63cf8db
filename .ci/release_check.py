"""Dry run of a release: build the package, look into it, install it, run it.

Run: python .ci/release_check.py [--dependencies] [DIST]  (or `make release-check`; about a minute)

Builds sdist and wheel (the wheel from the sdist, as installers do), by default in a folder that is
removed. The wheel is installed into a new environment, which borrows the dependencies of this one:
a dependency that pyproject.toml does not name is found only with --dependencies, which installs
them from the registry instead, in several minutes.
"""

import argparse
import email
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "epiplexity_jax"
IN_SDIST = (
    *("README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"),
    *("configs/demo.yaml", "docs/index.md", "mkdocs.yml"),
)
CONFIG = """\
sources:
  chain: {kind: markov, vocab_size: 4, length: 16}
family: {kind: transformer, widths: [8, 16], depths: [1], seeds: 2}
recipe: fixed
training: {steps: 6, batch_size: 4, warmup_steps: 2}
heldout: {tokens: 2048, record_tokens: 1024}
frontier: {test_tokens: 1.0e5}
"""
IMPORT = """\
import pathlib, sys
import epiplexity_jax as epx
assert pathlib.Path(epx.__file__).is_relative_to(sys.argv[1]), epx.__file__
assert epx.load("runs/smoke").decompositions()
"""
COMMANDS = (
    "--version",
    "init mine.yaml",
    "run mine.yaml --help",
    "run smoke.yaml --store runs/smoke --json",
    "frontier runs/smoke --figure smoke.svg",
    "report runs/smoke -o report/smoke.html",
    "sources --json",
    "curve loss.csv --params 1e4 --test-tokens 1e6 --tokens-per-step 64 --vocab-size 4",
)


def build(dist: Path) -> tuple[Path, Path]:
    """Build sdist and wheel."""
    dist.mkdir(parents=True, exist_ok=True)
    if any(dist.iterdir()):
        sys.exit(f"{dist}: holds files already; name an empty folder")
    run([sys.executable, "-m", "build", "--outdir", str(dist), str(ROOT)])
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    return sdist, wheel


def check_contents(sdist: Path, wheel: Path) -> None:
    """Compare what was packed with the package's folder, and the versions of both."""
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        fields = email.message_from_bytes(packed.read(metadata))
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / PACKAGE).rglob("*")}
    files = {name for name in files if (ROOT / name).is_file() and "__pycache__" not in name}
    expect(not files - names, f"{wheel.name} lacks {sorted(files - names)}")
    more = {name for name in names - files if ".dist-info/" not in name}
    expect(not more, f"{wheel.name} holds more than the package: {sorted(more)}")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    missing = sorted((files | set(IN_SDIST)) - inside)
    expect(not missing, f"{sdist.name} lacks {missing}")
    source = (ROOT / PACKAGE / "_version.py").read_text("utf-8")
    version = re.search(r'__version__ = "(.+)"', source)
    expect(version is not None and fields["Version"] == version[1], "versions differ")
    expect(str(fields.get_payload()).startswith("# epiplexity-jax"), "the README is not in it")
    cited = (ROOT / "CITATION.cff").read_text("utf-8")
    expect(f"\nversion: {fields['Version']}\n" in cited, "CITATION.cff has another version")


def install(wheel: Path, folder: Path, dependencies: bool) -> Path:
    """Install the wheel into a new environment, and return its folder of programs."""
    venv.create(folder, with_pip=False)
    programs = folder / "bin"
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", "--quiet"]
    run([*pip, *([] if dependencies else ["--no-deps"]), str(wheel)])
    if not dependencies:
        paths = {"base": str(folder), "platbase": str(folder)}
        here = Path(sysconfig.get_path("purelib", "venv", vars=paths))
        borrowed = sysconfig.get_path("purelib")
        (here / "borrowed.pth").write_text(f"{borrowed}\n", encoding="utf-8")
    return programs


def smoke(programs: Path, folder: Path) -> None:
    """Run the installed program in a folder of its own, and import the package there."""
    (folder / "smoke.yaml").write_text(CONFIG, encoding="utf-8")
    losses = "".join(f"{step},{1.0 + 1.0 / (1 + step)}\n" for step in range(0, 200, 10))
    (folder / "loss.csv").write_text(f"step,loss\n{losses}", encoding="utf-8")
    for command in COMMANDS:
        run([str(programs / "epiplexity-jax"), *command.split()], cwd=folder)
    run([str(programs / "python"), "-c", IMPORT, str(programs.parent)], cwd=folder)


def run(command: list[str], cwd: Path | None = None) -> None:
    """Run a command without this repository on its path; say what it printed where it fails."""
    names = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=names | {"JAX_PLATFORMS": "cpu"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    shown = " ".join([Path(command[0]).name, *command[1:]])
    expect(done.returncode == 0, f"{shown}\n{done.stdout}{done.stderr}")
    expect("Traceback" not in done.stderr, f"{shown}\n{done.stderr}")
    sys.stdout.write(f"ok: {shown.partition(chr(10))[0]}\n")


def expect(condition: bool, problem: str) -> None:
    """End with a problem where a condition does not hold."""
    if not condition:
        sys.exit(f"release check: {problem}")


def main() -> None:
    """Check a release."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dist", nargs="?", type=Path, help="where to leave sdist and wheel")
    parser.add_argument("--dependencies", action="store_true", help="install them anew")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sdist, wheel = build(asked.dist or folder / "dist")
        check_contents(sdist, wheel)
        programs = install(wheel, folder / "environment", asked.dependencies)
        (folder / "work").mkdir()
        smoke(programs, folder / "work")
    sys.stdout.write(f"{sdist.name} and {wheel.name} are in order\n")


if __name__ == "__main__":
    main()
