"""Write the line numbers of links to code: [`name`](../package/file.py#L1), by the name.

Run: python docs/code_lines.py  (or `make docs`). A name is that of a function, a class, a method
(`Class.method`) or a variable of the module.
"""

import ast
import functools
import re
from pathlib import Path

DOCS = Path(__file__).parent
LINK = re.compile(r"(\[`([\w.]+)`\]\((?:\.\./)+([\w/]+\.py)#L)\d+\)")


def filled(page: str) -> str:
    """The page with the line of every name that it links to.

    Raises:
        KeyError: when a file has no such name.
    """
    return LINK.sub(lambda link: f"{link[1]}{lines(link[3])[link[2]]})", page)


@functools.cache
def lines(path: str) -> dict[str, int]:
    """Lines of the names that a file of the repository defines."""
    tree = ast.parse((DOCS.parent / path).read_text("utf-8"))
    return _names(tree, "")


def _names(owner: ast.Module | ast.ClassDef, prefix: str) -> dict[str, int]:
    found = {}
    for node in owner.body:
        match node:
            case ast.FunctionDef(name=name):
                found[prefix + name] = node.lineno
            case ast.ClassDef(name=name):
                found |= {prefix + name: node.lineno} | _names(node, f"{prefix}{name}.")
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[prefix + name] = node.lineno
    return found


def main() -> None:
    """Write the pages whose lines have moved."""
    for path in DOCS.rglob("*.md"):
        page = path.read_text("utf-8")
        if (written := filled(page)) != page:
            path.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
