"""`epiplexity-jax init`: a commented config to start from."""

from pathlib import Path
from typing import Annotated

import typer

from epiplexity_jax.base.errors import ConfigError

_DEFAULT = Path("epiplexity.yaml")
_TEMPLATE = """\
# Trains the family on every source and prints S_T and H_T:
#
#   epiplexity-jax run {path}
#
# `epiplexity-jax sources` and `epiplexity-jax families` list what else there is.
sources:                    # name: source; a noise control shows what "nothing to learn" looks like
  text: {{kind: python_stdlib, length: 64}}
  # mine: {{kind: text, path: book.txt, alphabet: ascii96, length: 64}}   # or alphabet: bytes
  noise: {{kind: noise, vocab_size: 96, length: 64}}

family:                     # the models an observer may use: widths x depths x seeds
  kind: transformer
  widths: [16, 32, 64]      # multiples of 32, or below 32
  depths: [1]
  seeds: 3                  # intervals need at least 2

estimator: {{kind: prequential}}   # or requential: a teacher and a student (docs/requential.md)

training:
  steps: 600
  batch_size: 32            # sequences; steps x batch_size must fit into one epoch of a file
  learning_rate: 0.03       # one for all sizes
  warmup_steps: 100

heldout: {{tokens: 2.0e5}}    # label tokens that measure losses, at most a tenth of a file

seed: 0

frontier:
  test_tokens: 1.0e7        # label tokens of the dataset whose information is measured
  # compute: [3.0e11, 1.0e12]   # budgets in FLOPs; default: log-spaced over the sweep
"""


def init(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Where to write it.")] = _DEFAULT,
) -> None:
    """Write a commented config to start from."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_TEMPLATE.format(path=path))
    except FileExistsError:
        raise ConfigError(f"{path}: is there already; choose another name") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    typer.echo(f"{path} written; now: epiplexity-jax run {path}")
