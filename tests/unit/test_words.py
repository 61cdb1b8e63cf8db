"""Words of docstrings, messages and documents, and the sections that a docstring has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "epiplexity_jax"
FILES = sorted(PACKAGE.rglob("*.py"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
QUESTION = re.compile(r"(What|Whether|Of|How|Who|Which|Where|When)\b")
DIALECT = re.compile(r"\b((is|are)\s+none|told|speaks|hears|in\s+vain|laid\s+to\s+rest)\b")
ERRORS = {"EpiplexityError", "ConfigError", "DataError", "RunsFailed", "StoreError"}
PARAMETERS_WITHOUT_ARGS = 2
ROOTS = {"Config", "Enum", "Exception", "Generic", "NamedTuple", "Protocol", "StrEnum"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of each docstring, those of attributes included."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text


def questions(tree: ast.Module) -> list[str]:
    return [f"{line}: {text[:60]}" for line, text in docstrings(tree) if QUESTION.match(text)]


def dialect(tree: ast.Module) -> list[str]:
    """List strings in the private dialect; whether a string is a message is not asked."""
    strings = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [
        f"{node.lineno}: {found[0]}"
        for node in strings
        if isinstance(node.value, str) and (found := DIALECT.search(node.value))
    ]


def public_functions(body: list[ast.stmt], owner: str = "") -> Iterator[tuple[Function, str]]:
    """Yield public functions and methods, each with the docstring that describes its arguments.

    Methods of a class with a base of ours are left out: their base or protocol describes them.
    """
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            bases = {ast.unparse(base).partition("[")[0] for base in node.bases}
            if bases - ROOTS:
                continue
            yield from public_functions(node.body, ast.get_docstring(node) or " ")
        elif isinstance(node, Function) and owner and node.name == "__init__":
            yield node, owner
        elif isinstance(node, Function) and not node.name.startswith("_"):
            yield node, ast.get_docstring(node) or ""


def is_overload(function: Function) -> bool:
    return any(ast.unparse(decorator) == "overload" for decorator in function.decorator_list)


def errors_raised(function: Function) -> set[str]:
    calls = (
        node.exc.func
        for node in ast.walk(function)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    )
    return ERRORS & {call.id for call in calls if isinstance(call, ast.Name)}


def missing_sections(tree: ast.Module, command: str = "") -> list[str]:
    """List functions without Args or Raises.

    Options describe the arguments of a command, and a protocol those of what refers to it.
    """
    found = []
    for function, text in public_functions(tree.body):
        if is_overload(function) or function.name == command or text.startswith("See `"):
            continue
        parameters = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        named = [p for p in parameters if p.arg not in ("self", "cls")]
        if len(named) > PARAMETERS_WITHOUT_ARGS and "Args:" not in text:
            found.append(f"{function.lineno}: {function.name} has {len(named)} arguments, no Args")
        if errors_raised(function) and "Raises:" not in text:
            found.append(f"{function.lineno}: {function.name} raises an error, no Raises")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_and_messages(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    command = path.stem if path.parent.name == "cli" else ""
    assert questions(tree) + dialect(tree) + missing_sections(tree, command) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents(path):
    assert [found[0] for found in DIALECT.finditer(path.read_text(encoding="utf-8"))] == []


def test_the_checks_find_what_they_forbid():
    tree = ast.parse(
        'def f(a, b, c):\n    "What f does."\n    raise ConfigError(f"{a} is none of b")\n'
    )
    assert questions(tree) == ["2: What f does."]
    assert dialect(tree) == ["3: is none"]
    assert missing_sections(tree) == [
        "1: f has 3 arguments, no Args",
        "1: f raises an error, no Raises",
    ]
