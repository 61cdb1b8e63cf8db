"""Functions of a user's own module, named in a config."""

import contextlib
import importlib
import operator
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from epiplexity_jax.base.config import shorten
from epiplexity_jax.base.errors import ConfigError, DataError

FAULTS = (Exception, SystemExit)  # of a user's code; Ctrl-C stays an interrupt


def _names_a_function(factory: str) -> str:
    if not re.fullmatch(r"\w+(\.\w+)*:\w+(\.\w+)*", factory):
        raise ValueError(f"must be package.module:function, got {shorten(factory)}")
    return factory


FunctionName = Annotated[str, AfterValidator(_names_a_function)]
"""A field's type: `package.module:function`."""


def find(factory: str) -> Callable[..., Any]:
    """Import the function that `package.module:function` names.

    Raises:
        ConfigError: when there is no such module or function, or it cannot be called.
    """
    module_name, _, attribute = factory.partition(":")
    try:
        module = importlib.import_module(module_name)
    except FAULTS as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is None or not f"{module_name}.".startswith(f"{missing}."):
            raise ConfigError(f"factory: importing {module_name} raised {line(error)}") from error
        raise ConfigError(
            f"factory: no module {missing!r}; it must be installed or be in the current folder"
        ) from None
    try:
        found = operator.attrgetter(attribute)(module)
    except AttributeError:
        raise ConfigError(f"factory: module {module_name} has no {attribute!r}") from None
    if not callable(found):
        raise ConfigError(f"factory: {factory} must be a function, is {shown(found)}")
    return found


@contextlib.contextmanager
def called(factory: str, options: Mapping[str, Any]) -> Iterator[Any]:
    """Call the function that `package.module:function` names, and give its result.

    Modules of the current folder can be imported meanwhile: the result may be lazy.

    Raises:
        ConfigError: as `find`.
        DataError: when the function raises or exits.
    """
    folder = os.getcwd()
    sys.path.insert(0, folder)  # as `python` does, and a console script does not
    try:
        yield call(find(factory), factory, **options)
    finally:
        with contextlib.suppress(ValueError):  # the user's code may have taken it out
            sys.path.remove(folder)


def call(function: Callable[..., Any], where: str, /, **options: Any) -> Any:
    """Call a user's function; its name `where` opens the message.

    Raises:
        DataError: when it raises or exits.
    """
    try:
        return function(**options)
    except FAULTS as error:
        raise DataError(f"{where}: the function raised {line(error)}") from error


def shown(value: object) -> str:
    """Format a value on one line, as far as it has room."""
    return " ".join(shorten(value).split())


def line(error: BaseException) -> str:
    """Format an exception on one line: its type and the beginning of its message."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200].rstrip(": ")
