"""docs/cli.md lists the commands, options and keys that there are."""

import re
from pathlib import Path

import pytest
import typer.main
import yaml

from epiplexity_jax.analysis import Decomposition
from epiplexity_jax.base.yaml import read_yaml
from epiplexity_jax.cli.app import app
from epiplexity_jax.sweep.config import (
    CheckpointOptions,
    ExecutorOptions,
    FrontierOptions,
    Heldout,
    Prequential,
    Training,
    parse_sweep,
)

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def options_of(command: str) -> set[str]:
    names = {name for parameter in COMMANDS[command].params for name in parameter.opts}
    return {name for name in names if name.startswith("--")} - {"--help"}


def test_every_command_is_listed():
    table = PAGE.partition("| command | does |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert set(re.findall(r"`([\w-]+)", " ".join(cells))) == set(COMMANDS)


def test_every_option_of_run_is_listed():
    table = PAGE.partition("| option of `run` | does |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(--[\w-]+)", table, re.MULTILINE)) == options_of("run")


def test_every_option_of_scaling_law_is_listed_on_its_page():
    page = (Path(__file__).parents[3] / "docs" / "scaling-laws.md").read_text(encoding="utf-8")
    table = page.partition("| option | does |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`--.*?) \| ", table, re.MULTILINE)
    assert set(re.findall(r"--[\w-]+", " ".join(rows))) == options_of("scaling-law")


def test_every_option_of_measure_is_on_its_page():
    page = (Path(__file__).parents[3] / "docs" / "measure.md").read_text(encoding="utf-8")
    table = page.partition("| option | does |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(--[\w-]+)", table)) == options_of("measure")


def test_every_option_of_transfer_is_listed_on_its_page():
    page = (Path(__file__).parents[3] / "docs" / "transfer.md").read_text(encoding="utf-8")
    table = page.partition("| option | does |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`--.*?) \| ", table, re.MULTILINE)
    assert set(re.findall(r"--[\w-]+", " ".join(rows))) == options_of("transfer")


@pytest.mark.parametrize("command", ["report", "watch"])
def test_every_option_of_a_page_is_listed(command):
    table = PAGE.partition(f"| option of `{command}` | does |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`--.*?) \| ", table, re.MULTILINE)
    assert set(re.findall(r"--[\w-]+", " ".join(rows))) == options_of(command)


@pytest.mark.parametrize("command", ["list", "run", "check", "page"])
def test_every_option_of_experiments_is_listed(command):
    table = PAGE.partition("| option of `experiments` | of | does |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(--[\w-]+).*?` \| (.*?) \|", table, re.MULTILINE)
    parameters = COMMANDS["experiments"].commands[command].params  # type: ignore[attr-defined]
    names = {name for parameter in parameters for name in parameter.opts}
    expected = {name for name in names if name.startswith("--")} - {"--help"}
    assert {option for option, of in rows if f"`{command}`" in of} == expected


@pytest.mark.parametrize("command", ["frontier", "runs"])
def test_every_option_of_a_reader_is_listed(command):
    table = PAGE.partition("| option | of | does |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(--[\w-]+).*?` \| (.*?) \|", table, re.MULTILINE)
    assert {option for option, of in rows if f"`{command}`" in of} == options_of(command)


def test_every_key_of_a_config_is_listed_with_its_default():
    sections = {
        "estimator": Prequential,
        "training": Training,
        "heldout": Heldout,
        "checkpoints": CheckpointOptions,
        "executor": ExecutorOptions,
        "frontier": FrontierOptions,
    }
    rows = {
        f"{section}.{name}": field.default
        for section, config in sections.items()
        for name, field in config.model_fields.items()
    } | {"seed": 0, "trackers": [], "recipe": "tuned", "recipes": {}, "budgets": None, "grid": {}}
    listed = re.findall(r"^\| `([a-z_.]+)` \| `?(.*?)`? \| ", PAGE.partition("| key |")[2], re.M)
    assert {key: yaml.safe_load(default) for key, default in listed[: len(rows)]} == rows


def test_the_config_on_the_page_is_a_config():
    text = PAGE.partition("```yaml\n")[2].partition("```")[0]
    sweep = parse_sweep(read_yaml(text, "docs/cli.md"))
    assert list(sweep.sources) == ["text", "book", "noise"]


def test_every_field_of_a_decomposition_is_listed():
    section = PAGE.partition("`epiplexity_jax.analysis.Decomposition`")[2].partition("\n## ")[0]
    assert set(Decomposition.__dataclass_fields__) <= set(re.findall(r"`(\w+)`", section))
