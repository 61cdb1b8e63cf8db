"""What STYLE asks of every file: imports point downward, files and functions stay short."""

import ast
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
