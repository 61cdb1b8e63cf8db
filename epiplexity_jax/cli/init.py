"""`epiplexity-jax init`: a commented config to start from."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from epiplexity_jax.base.errors import ConfigError

_DEFAULT = Path("epiplexity.yaml")
_TEMPLATE = files("epiplexity_jax.cli") / "init.yaml"


def init(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Where to write it.")] = _DEFAULT,
) -> None:
    """Write a commented config to start from."""
    text = _TEMPLATE.read_text(encoding="utf-8").replace("PATH", str(path))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path}: is there already; choose another name") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    typer.echo(f"{path} written; now: epiplexity-jax run {path}")
