"""Docstrings as the site's reference shows them."""

import re
from typing import Any

import griffe

DOCTEST = re.compile(r"^>>> .*(?:\n(?!\n).*)*", re.MULTILINE)
PAGE = re.compile(r"`?\bdocs/([\w/-]+)\.md`?")


class Docstrings(griffe.Extension):
    """Fences doctests, and links pages of docs/ that a docstring names."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            text = DOCTEST.sub(lambda found: f"```pycon\n{found[0]}\n```", obj.docstring.value)
            obj.docstring.value = PAGE.sub(r"[\1](../\1.md)", text)
