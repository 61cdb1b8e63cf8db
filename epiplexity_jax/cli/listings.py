"""`epiplexity-jax sources`, `families` and `devices`: lists."""

from typing import Any

import typer

from epiplexity_jax.cli.options import Json, echo_json, echo_table


def sources(as_json: Json = False) -> None:
    """List the kinds of sources with their parameters."""
    from epiplexity_jax import api

    _print_kinds("sources", api.sources(), as_json)


def families(as_json: Json = False) -> None:
    """List the kinds of families with their parameters."""
    from epiplexity_jax import api

    _print_kinds("families", api.families(), as_json)


def devices(as_json: Json = False) -> None:
    """List the devices that a sweep would use."""
    from epiplexity_jax import api
    from epiplexity_jax.runtime.devices import configure_process

    configure_process()
    found = api.devices()
    if as_json:
        echo_json({"devices": found})
        return
    for device in found:
        typer.echo(f"{device['platform']}:{device['id']}  {device['kind']}")


def _print_kinds(name: str, kinds: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        echo_json({name: kinds})
        return
    from epiplexity_jax.report.tables import kinds_table

    echo_table(kinds_table(kinds))
