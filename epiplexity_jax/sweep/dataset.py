"""A source opened for a sweep: its task, its split and its held-out set."""

import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from epiplexity_jax.base.errors import ConfigError, DataError, EpiplexityError
from epiplexity_jax.base.human import memory
from epiplexity_jax.engine.heldout import RECORD_SHARE, HeldoutLayout, heldout_layout
from epiplexity_jax.engine.stream import Stream, heldout_bytes, heldout_tokens
from epiplexity_jax.families.spec import Family, Task, task_for
from epiplexity_jax.runtime.devices import host_memory
from epiplexity_jax.sources.opening import open_source
from epiplexity_jax.sources.partition import HoldOut
from epiplexity_jax.sources.spec import Batch, DeviceSource, HostSource, Source, SourceInfo
from epiplexity_jax.sources.split import Split, heldout_sequences
from epiplexity_jax.sweep.config import Heldout, Sweep
from epiplexity_jax.sweep.hardware import USABLE
from epiplexity_jax.sweep.recipe import Recipes

_LEAST_HELDOUT = 64  # sequences of a drawn source


@dataclass(frozen=True, eq=False)
class Dataset:
    """A source opened for a sweep.

    Attributes:
        name: the source's name in the config.
        source: the data.
        task: what models must fit.
        split: the training and held-out part of a host source; None for a device source.
        layout: layout of the held-out set.
        root: root seed of the sweep.
        copy: number of the sources before this one that hold the same data.
    """

    name: str
    source: Source
    task: Task
    split: Split | None
    layout: HeldoutLayout
    root: int
    copy: int = 0

    @property
    def info(self) -> SourceInfo:
        """Facts of the source; no entropy rate where the family leaves some labels out."""
        info = self.source.info
        if self.task.label_tokens == info.label_tokens:
            return info
        return dataclasses.replace(info, entropy_rate_nats=None)

    @property
    def mean_labels(self) -> float:
        """Label tokens of a sequence on average."""
        return self.task.mean_labels(self.source.info)

    def heldout_labels(self, batches: int | None = None) -> int:
        """Label tokens of the first eval batches, or of all.

        Raises:
            DataError: when labels vary and these have none, or those of a turn.
        """
        if not self.task.labels_vary:
            batches = self.layout.eval_batches if batches is None else batches
            return self.layout.eval_batch_size * batches * self.task.label_tokens
        counts = np.asarray(self.task.label_counts(self.heldout)).sum(axis=1)
        labels = int(counts[:batches].sum())
        if not labels or (self.layout.takes_turns and not counts.all()):
            raise DataError(
                f"sources.{self.name}: no token of {self.layout.eval_batch_size} held-out "
                "sequences is paid for; raise heldout.tokens or heldout.record_tokens"
            )
        return labels

    def stream(self, seed: int, batch_size: int) -> Stream:
        """Training batches for a member's seed."""
        return Stream(self.source, self.split, self.root, seed, batch_size)

    def identity(self) -> dict[str, Any]:
        """Values that decide the numbers of a run, where they are not those of the default."""
        values: dict[str, Any] = {}
        if self.copy:  # the same data twice in one sweep, under two names
            values["copy"] = self.copy
        if self.split is None:
            return values
        documents, rule = self.source.info.documents, self.split.rule
        if self.split.kind == "documents" and documents.kind != "rows":
            values["heldout_split"] = ["documents", documents.fingerprint]
        if rule.duplicates == "drop":
            values["heldout_duplicates"] = "drop"
        return values

    @functools.cached_property
    def heldout(self) -> Batch:
        """The held-out set, [eval batches, sequences, ...] each leaf; drawn once."""
        layout = self.layout
        drawn = heldout_tokens(self.source, self.split, self.root, layout.sequences)
        return jax.tree.map(
            lambda x: x.reshape(layout.eval_batches, layout.eval_batch_size, *x.shape[1:]), drawn
        )


def open_datasets(sweep: Sweep, family: Family, recipes: Recipes) -> tuple[Dataset, ...]:
    """Open every source of a sweep, in order.

    Args:
        sweep: the config.
        family: whose task each source becomes.
        recipes: recipes of its sources.

    Raises:
        ConfigError: when the family cannot take a source, or the held-out data cannot be chosen
            as asked for, or not be drawn in the host's memory.
        DataError: on a source that is missing, wrong or too short.
    """
    datasets: list[Dataset] = []
    for name in sweep.sources:
        opened = _open(name, sweep, family, recipes)
        data = opened.source.info.fingerprint
        copy = sum(other.source.info.fingerprint == data for other in datasets)
        datasets.append(dataclasses.replace(opened, copy=copy))
    if all(dataset.split is None for dataset in datasets):
        _check_drawn(sweep.heldout)
    return tuple(datasets)


def _check_drawn(heldout: Heldout) -> None:
    """Refuse rules for finite sources where every source is drawn.

    Raises:
        ConfigError: naming the key. `split: documents` holds for drawn sequences as it is.
    """
    for key, value in (("split", heldout.split), ("duplicates", heldout.duplicates)):
        if value in ("windows", "drop"):
            raise ConfigError(
                f"heldout.{key}: {value} applies to finite sources, and all sources here are drawn "
                "anew, sequence by sequence; leave it out"
            )


def _open(name: str, sweep: Sweep, family: Family, recipes: Recipes) -> Dataset:
    try:
        source = open_source(sweep.sources[name])
    except EpiplexityError as error:  # which names the file, not the key
        raise type(error)(f"sources.{name}: {error}") from None
    task, heldout, recipe = task_for(family, source.info), sweep.heldout, recipes.of_source(name)
    record, share = recipes.given.batch_size, RECORD_SHARE  # one held-out set for all recipes
    if heldout.record_tokens is not None:
        if heldout.record_tokens > heldout.tokens:
            raise ConfigError(
                f"heldout.record_tokens: {heldout.record_tokens:,} are more than heldout.tokens, "
                f"{heldout.tokens:,}, of which they are a part; lower it, or leave it out"
            )
        record, share = math.ceil(heldout.record_tokens / task.mean_labels(source.info)), 0.0
    path, split = f"sources.{name}", None
    if isinstance(source, HostSource):
        wanted = heldout_sequences(source, heldout.tokens, path)
    else:
        wanted = math.ceil(heldout.tokens / task.mean_labels(source.info))
        wanted = max(wanted, _LEAST_HELDOUT)
    layout = heldout_layout(wanted, record, share)
    if isinstance(source, HostSource):
        rule = HoldOut(heldout.split, heldout.duplicates)
        split = Split(source, layout.sequences, sweep.seed, path, rule)
        split.check(recipe.steps, recipe.batch_size)
    else:
        _check_memory(path, source, layout.sequences)
    return Dataset(name, source, task, split, layout, sweep.seed)


def _check_memory(path: str, source: DeviceSource, sequences: int) -> None:
    """Refuse a held-out set of a drawn source that the host's memory does not hold.

    Raises:
        ConfigError: naming the key.
    """
    needed, there = heldout_bytes(source, sequences), host_memory()
    if needed > USABLE * there:
        raise ConfigError(
            f"heldout.tokens: {path} needs {memory(needed)} for {sequences:,} held-out sequences "
            f"of {source.info.length:,} tokens, of which 1024 or more are drawn at a time, and the "
            f"host has {memory(there)}, of which {USABLE:.0%} may be used; lower it, or take "
            "shorter sequences"
        )
