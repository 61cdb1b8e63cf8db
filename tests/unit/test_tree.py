"""Tests follow the tree of the package, and every package has a docstring."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "epiplexity_jax"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__init__.py"]


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def behaves(path: Path) -> bool:
    """Return whether a module has a function with a body, not only types, lists or protocols."""
    functions = (
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return any(not is_stub(function) for function in functions)


def is_stub(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return all(ast.unparse(node) == "..." for node in body)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_with_behaviour_has_a_test_file_at_its_place(path):
    if not behaves(path):
        return
    place = ROOT / "tests" / "unit" / path.relative_to(PACKAGE).parent
    assert (place / f"test_{path.name}").exists()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__init__.py")), ids=relative)
def test_a_package_has_a_docstring(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
