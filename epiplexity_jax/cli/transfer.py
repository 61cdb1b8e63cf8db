"""`epiplexity-jax transfer`: trained members of stores, fine-tuned or probed on a source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from epiplexity_jax._version import __version__
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.cli.options import (
    Format,
    check_positive,
    echo_json,
    echo_table,
    interrupt_on_signals,
    takes,
)

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="STORE... [KEY=VALUE...]",
        help="Folders of stores, and keys of the target, such as length=64.",
    ),
]


@dataclass(frozen=True)
class Learning:
    """The options by which `transfer` trains, those that are not given left out."""

    train: Annotated[
        str | None,
        typer.Option(help="all (default), last_blocks, or readout: parameters that learn."),
    ] = None
    blocks: Annotated[
        int | None, typer.Option(help="Blocks that learn with --train last_blocks; default: 1.")
    ] = None
    readout: Annotated[
        str | None,
        typer.Option(
            help="new: the readout begins at zero; keep: as it was learnt; auto (default): kept "
            "where the target has as many label symbols."
        ),
    ] = None
    steps: Annotated[int | None, typer.Option(help="Steps on the target; default: 1500.")] = None
    batch_size: Annotated[int | None, typer.Option(help="Sequences a step; default: 32.")] = None
    learning_rate: Annotated[
        float | None, typer.Option(help="Base learning rate; default: that of the member's run.")
    ] = None
    warmup: Annotated[
        float | None, typer.Option(help="Share of the steps with warm-up; default: 0.1.")
    ] = None
    seed: Annotated[
        int | None, typer.Option(help="Seed of the target's split and order; default: 0.")
    ] = None
    heldout_tokens: Annotated[
        int | None, typer.Option(help="Held-out label tokens that score; default: 4096.")
    ] = None

    @property
    def given(self) -> dict[str, Any]:
        """The options that were given."""
        return {name: value for name, value in vars(self).items() if value is not None}


@takes(learning=Learning, form=Format)
def transfer(
    words: Words,
    on: Annotated[
        str,
        typer.Option(
            "--on",
            metavar="FILE|KIND",
            help="The target: a YAML file with one source, or a kind of source.",
        ),
    ],
    learning: Learning,
    members: Annotated[
        list[str] | None,
        typer.Option("--run", help="This run only, by its id or the beginning of it; repeatable."),
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option("--source", help="Members trained on this source only; repeatable."),
    ] = None,
    test_tokens: Annotated[
        float | None,
        typer.Option(help="Label tokens by which model bits are computed; default: the config's."),
    ] = None,
    *,
    form: Format,
) -> None:
    """Fine-tune or probe trained members on a labelled source, beside the same from scratch."""
    check_positive("--test-tokens", test_tokens)

    stores, overrides = _divided(words)
    given = read_target(on, overrides)

    from epiplexity_jax import api
    from epiplexity_jax.progress import progress_bar
    from epiplexity_jax.runtime.devices import configure_process
    from epiplexity_jax.sources.opening import parse

    target = parse(given, "target")
    configure_process()
    interrupt_on_signals()
    found = api.transfer(
        stores,
        target,
        members=members,
        sources=sources,
        test_tokens=test_tokens,
        progress=progress_bar(),
        **learning.given,
    )
    if form.as_json:
        named = {"stores": [str(path) for path in stores], "version": __version__}
        echo_json(found.to_json() | named)
    elif not form.echo("transfer", found.rows, stores[0]):
        _echo_text(found)
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)


def read_target(on: str, overrides: Sequence[str]) -> Mapping[str, Any]:
    """Read the source that a target is, as plain values.

    Args:
        on: a YAML file, of one source or of a config with one; or a kind.
        overrides: such as `length=64`.

    Raises:
        ConfigError: when the file is missing, no YAML, or names several sources.
    """
    from epiplexity_jax.sweep.config_file import read_config

    if not on.endswith((".yaml", ".yml")):
        from epiplexity_jax.base.config import did_you_mean
        from epiplexity_jax.sources.opening import kinds

        known = [kind["kind"] for kind in kinds()]
        if on not in known:
            raise ConfigError(
                f"--on: {did_you_mean('kind of source', on, known)}; or a file that ends in .yaml"
            )
        return _with({"kind": on}, overrides)
    data = read_config(Path(on))
    if isinstance(data, Mapping) and "sources" in data:
        named = data["sources"]
        if not isinstance(named, Mapping) or len(named) != 1:
            raise ConfigError(f"--on: {on}: expected one source below `sources`")
        (data,) = named.values()
    if not isinstance(data, Mapping) or "kind" not in data:
        raise ConfigError(f"--on: {on}: expected the keys of one source, such as `kind: labelled`")
    return _with(data, overrides)


def _with(data: Mapping[str, Any], overrides: Sequence[str]) -> Mapping[str, Any]:
    from epiplexity_jax.sweep.config_file import override

    changed: Any = data
    for one in overrides:
        changed = override(changed, one)
    return changed


def _divided(words: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Folders of stores, and keys of the target: words with an equals sign that are no folder."""
    keys = [word for word in words if "=" in word and not Path(word).exists()]
    stores = [Path(word) for word in words if word not in keys]
    if not stores:
        raise ConfigError("transfer: expected the folder of a store")
    return stores, keys


def _echo_text(found: Any) -> None:
    """Print the table, then rank correlations."""
    from epiplexity_jax.report.transfer_tables import correlation_sentences, transfer_table

    plain = found.to_json()
    echo_table(transfer_table(plain["transfer"], plain["target"], plain["options"]))
    for sentence in correlation_sentences(found.correlations):
        typer.echo(sentence)
