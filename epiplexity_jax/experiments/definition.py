"""Definitions of experiments: what is asked, the sweep in three sizes, what others published."""

import functools
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Literal

from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config, did_you_mean, parse
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.base.yaml import read_yaml
from epiplexity_jax.sources.files.paths import find_files

_CONFIGS = files("epiplexity_jax.experiments") / "configs"
SIZES = ("smoke", "small", "paper")
SizeName = Literal["smoke", "small", "paper"]
_SMOKE = (
    "Size smoke is too small to show the expected signs: a check that fails here says nothing "
    "about them."
)


class Published(Config):
    """A value that others published, and the one of ours that stands beside it."""

    quantity: str
    """Name of the quantity, and where it was measured."""
    value: str
    """The published value, in the unit of ours; corrected where the figure has another."""
    ours: str
    """Name of our value, as the experiment's module has it."""
    sizes: tuple[SizeName, ...] = ("smoke", "small", "paper")
    """Sizes whose value compares: those that have its estimator."""
    small: str = ""
    """Pattern of the names of our values that stand beside it at other sizes, the last of them."""
    sign: str = ""
    """Pattern of the statement whose check has the sign that this value shows."""
    note: str = ""
    """Origin: read off a plot, or corrected from nats."""


class Needed(Config):
    """Data that the user brings: no size that needs them runs without."""

    path: str = Field(min_length=1)
    """The file, pattern or folder, relative to the current folder, as the sources have it."""
    what: str
    """Instruction that begins with a verb: the data's name, origin and licence, and its layout."""
    sizes: tuple[SizeName, ...] = ("smoke", "small", "paper")
    """Sizes that need them."""
    endings: tuple[str, ...] = ()
    """Endings of the files that a folder must hold one of, as its source reads them; empty: any."""

    @property
    def problem(self) -> str | None:
        """Sentence on what is missing; None where a file lies where it must."""
        try:
            found = find_files(self.path, self.endings)
        except DataError as error:
            return str(error)
        return None if found[0].is_file() else f"{self.path}: no such file"


class SizedSweep(Config):
    """One size of an experiment."""

    cost: str
    """Time that it takes, and on which machine."""
    sweep: dict[str, Any] = Field(default_factory=dict)
    """Keys of the sweep's config that differ from those that all sizes share."""
    test_sequences: float | None = Field(default=None, gt=0)
    """Sequences of the dataset whose information is measured; test tokens are their labels."""


class Experiment(Config):
    """An experiment: a phenomenon, the sign that is expected and why, and a sweep that shows it."""

    name: str
    """Name of its config file, by which `registry` finds the function that reads it."""
    title: str
    """Heading of its page."""
    figure: str
    """Figures of the paper that show the phenomenon, such as `4a` or `4c, 7`; empty where none
    does."""
    phenomenon: str
    """The sign that is expected, in a clause that can follow "Expected:", for lists and cards."""
    question: str
    """Paragraph that its page begins with."""
    why: str
    """Paragraph with the reason why the expected sign must show at the size that is run."""
    caption: str = ""
    """Sentence below its picture."""
    changed: str = ""
    """Paragraph on the sizes and checks that were changed after a result had been seen, and on that
    result; empty where none was."""
    published: tuple[Published, ...] = ()
    """Values to compare with."""
    needs: tuple[Needed, ...] = ()
    """Data that the user brings."""
    test_sequences: float = Field(gt=0)
    """Sequences of the dataset whose information is measured, unless a size has its own number."""
    sweep: dict[str, Any]
    """The sweep's config, as far as all sizes share it."""
    sizes: dict[SizeName, SizedSweep]
    """The sweep in three sizes."""

    @model_validator(mode="after")
    def _has_all_sizes(self) -> "Experiment":
        if missing := [size for size in SIZES if size not in self.sizes]:
            raise ValueError(f"sizes: expected {', '.join(SIZES)}, {missing[0]} is missing")
        return self

    def sequences(self, size: str) -> float:
        """Sequences of the dataset that is measured at a size.

        Raises:
            ConfigError: when there is no such size.
        """
        return self._sized(size).test_sequences or self.test_sequences

    def config(self, size: str) -> dict[str, Any]:
        """The sweep's config at a size, as plain data.

        Raises:
            ConfigError: when there is no such size.
        """
        return _merged(self.sweep, self._sized(size).sweep)

    def needed(self, size: str) -> list[Needed]:
        """Data that the user brings for a size."""
        return [one for one in self.needs if size in one.sizes]

    def check_data(self, size: str) -> None:
        """Refuse a size whose data are not there.

        Raises:
            ConfigError: when there is no such size.
            DataError: naming the first file that is missing, and where it is from.
        """
        self._sized(size)
        for one in self.needed(size):
            if problem := one.problem:
                raise DataError(f"{problem}; {one.what}")

    def _sized(self, size: str) -> SizedSweep:
        found = {str(name): sized for name, sized in self.sizes.items()}
        if size not in found:
            raise ConfigError(f"--size: {did_you_mean('size', size, SIZES)}")
        return found[size]


def too_small(size: str) -> str | None:
    """Sentence on a size at which no sign can be expected to show; None at the others."""
    return _SMOKE if size == "smoke" else None


def names() -> list[str]:
    """Names of the experiments, in the order of their figures, those without one last."""
    return list(_known())


def load(name: str) -> Experiment:
    """Read the definition of an experiment, by its name or by a figure.

    Of several with one figure it is the first, as `names` has them.

    Raises:
        ConfigError: when there is no such experiment.
    """
    known = _known()
    by_figure: dict[str, Experiment] = {}
    for one in known.values():
        for figure in _figures(one):
            by_figure.setdefault(figure, one)
    if (found := known.get(name) or by_figure.get(name)) is None:
        raise ConfigError(f"NAME: {did_you_mean('experiment', name, [*known, *by_figure])}")
    return found


@functools.cache
def _known() -> dict[str, Experiment]:
    """Every experiment by its name, in the order of their figures, those without one last."""
    found = []
    for path in _CONFIGS.iterdir():
        name, _, ending = path.name.rpartition(".")
        if ending == "yaml":
            data = read_yaml(path.read_text(encoding="utf-8"), path.name)
            found.append(parse(Experiment, {"name": name, **data}, path.name))
    return {one.name: one for one in sorted(found, key=_place)}


def _place(one: Experiment) -> tuple[int, str, str]:
    """The place of an experiment in a list: figures by number and letter, then those without."""
    number = re.search(r"\d+", one.figure)
    return int(number[0]) if number else sys.maxsize, one.figure, one.name


def _figures(one: Experiment) -> Iterator[str]:
    """Figures of an experiment, one by one."""
    return filter(None, map(str.strip, one.figure.split(",")))


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merge mappings, key by key; null in the changes removes a key, a `kind` replaces it whole."""
    merged = dict(base)
    for key, value in changes.items():
        before = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(before, Mapping) and isinstance(value, Mapping) and "kind" not in value:
            merged[key] = _merged(before, value)
        else:
            merged[key] = value
    return merged
