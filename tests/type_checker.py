"""The checker of annotations that `conftest.py` puts on every function of the package."""

from typing import Any

from beartype import BeartypeConf, beartype

# An int is a float, as type checkers have it.
_decorate = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(function: Any) -> Any:
    """Check a function's arguments and its result at every call."""
    if function.__module__ == "epiplexity_jax.cli.app":  # typer passes a base of its `Context`
        return function
    return _decorate(function)
