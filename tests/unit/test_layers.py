"""What STYLE asks of every file: imports point downward, files and functions stay short."""

import ast
import graphlib
import math
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path for top in ("epiplexity_jax", "tests", "benchmarks") for path in (ROOT / top).rglob("*.py")
)
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 60
PARAMETERS = 8


def test_imports_point_downward():
    command = [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache"]
    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def long_functions(tree: ast.Module, most_parameters: float) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            parameters = len(node.args.args) + len(node.args.kwonlyargs)
            if lines > LINES_OF_A_FUNCTION or parameters > most_parameters:
                found.append(f"{node.name}: {lines} lines, {parameters} parameters")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES_OF_A_FILE
    package = path.is_relative_to(ROOT / "epiplexity_jax")
    assert long_functions(ast.parse(text), PARAMETERS if package else math.inf) == []


PACKAGE = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in FILES
    if path.is_relative_to(ROOT / "epiplexity_jax")
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in PACKAGE.items()}


def own_imports(tree: ast.AST) -> set[str]:
    """Modules of ours that a tree imports, for types alone included."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    ours = {name for name in names if name.partition(".")[0] == "epiplexity_jax"}
    return {name if name in PACKAGE else name.rpartition(".")[0] for name in ours}


def own_imports_in_functions(tree: ast.AST) -> set[str]:
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return set().union(*map(own_imports, functions))


def test_no_module_imports_itself_by_way_of_others():
    """The exports of the package, which are imported on first use, are left out."""
    graph = {name: own_imports(tree) - {"epiplexity_jax"} for name, tree in TREES.items()}
    del graph["epiplexity_jax"]
    assert len(graph) > 100
    graphlib.TopologicalSorter(graph).prepare()


def test_our_own_modules_are_imported_at_the_top():
    found = {
        name
        for name, tree in TREES.items()
        if own_imports_in_functions(tree)
        and PACKAGE[name].name != "__init__.py"
        and not name.startswith("epiplexity_jax.cli.")
    }
    assert not found
