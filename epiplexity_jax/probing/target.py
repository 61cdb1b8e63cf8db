"""The source that members are transferred to, and the task that they have on it."""

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError, DataError, EpiplexityError
from epiplexity_jax.engine.heldout import HeldoutLayout, heldout_layout
from epiplexity_jax.engine.stream import Stream, heldout_tokens
from epiplexity_jax.families.spec import Task
from epiplexity_jax.probing.members import Member
from epiplexity_jax.probing.options import TransferOptions
from epiplexity_jax.sources.maps.inner import origins
from epiplexity_jax.sources.opening import open_source
from epiplexity_jax.sources.python.opened import opened
from epiplexity_jax.sources.spec import Batch, HostSource, MaskedTokens, Source, SourceInfo, Vectors
from epiplexity_jax.sources.split import Split, heldout_sequences

_EVAL_BATCH = 64  # sequences that are scored at once


@dataclass(frozen=True, eq=False)
class Target:
    """An opened source, cut into training and held-out sequences.

    Attributes:
        source: the data.
        split: the two parts of a finite source; None for a drawn one.
        layout: layout of the held-out set.
        seed: seed of the split, the order and what is drawn.
    """

    source: Source
    split: Split | None
    layout: HeldoutLayout
    seed: int

    @property
    def info(self) -> SourceInfo:
        """Facts of the source."""
        return self.source.info

    def stream(self, batch_size: int) -> Stream:
        """The training batches, the same for every member."""
        return Stream(self.source, self.split, self.seed, 0, batch_size)

    @functools.cached_property
    def heldout(self) -> Batch:
        """The held-out set, [eval batches, sequences, ...] each leaf."""
        layout = self.layout
        drawn = heldout_tokens(self.source, self.split, self.seed, layout.sequences)
        return jax.tree.map(
            lambda x: x.reshape(layout.eval_batches, layout.eval_batch_size, *x.shape[1:]), drawn
        )


def open_target(source: Any, options: TransferOptions) -> Target:
    """Open a source as a target.

    Args:
        source: a config such as `sources.Labelled(...)`, or an opened source.
        options: steps and batch size, which it must last for, and the size of the held-out set.

    Raises:
        ConfigError: when it is no source, or gives real numbers at some positions.
        DataError: when it is missing, wrong or too short.
    """
    config = source if isinstance(source, Config) else opened(source)
    try:
        found = open_source(config)
    except EpiplexityError as error:
        raise type(error)(f"target: {error}") from None
    if places := found.info.real_positions:
        raise ConfigError(
            f"target: gives vectors of real numbers at {len(places)} positions, which transfer "
            "does not know; use a source of tokens"
        )
    if not isinstance(found, HostSource):
        wanted = max(math.ceil(options.heldout_tokens / found.info.mean_labels), _EVAL_BATCH)
        return Target(found, None, heldout_layout(wanted, _EVAL_BATCH), options.seed)
    wanted = heldout_sequences(found, options.heldout_tokens, "target")
    layout = heldout_layout(wanted, _EVAL_BATCH)
    split = Split(found, layout.sequences, options.seed, "target")
    most = split.max_steps(options.batch_size)
    if most < options.steps:
        raise DataError(
            f"target: its {split.train_sequences} training sequences last for {most} steps of "
            f"{options.batch_size}, and steps is {options.steps}; lower steps or batch_size, or "
            "read it several times as {kind: replay, source: ..., times: ...}"
        )
    return Target(found, split, layout, options.seed)


def overlaps(target: Target, members: Iterable[Member]) -> list[str]:
    """Name the sources of members that hold data of a finite target, in a sentence each.

    The target is cut in two without regard to how these sources were. A drawn target is fresh.
    """
    if target.split is None:
        return []
    own = set(origins(target.info))
    names = dict.fromkeys(one.row["source"] for one in members if own & set(one.origins))
    return [
        f"{name}: holds data of the target, so held-out sequences may have been read in training, "
        "and the losses and gains of its members are too good"
        for name in names
    ]


def target_task(learnt: Task, info: SourceInfo) -> tuple[Task, int | None]:
    """The task of a member on a target, whose inputs it reads as those that it was trained on.

    Where a start token (BOS) preceded the sequences of its training, it precedes those of the
    target too, as an input of its own: the id is the same, and so is the place of every token.

    Args:
        learnt: the task that the member was trained on.
        info: facts of the target.

    Returns:
        The task, and the start token that `with_start` puts before its sequences; None: none.

    Raises:
        ConfigError: when the member cannot read the inputs.
    """
    if info.features != learnt.features:
        raise ConfigError(
            f"target: expected {_inputs(learnt.features)} as its inputs, as the members were "
            f"trained on, got {_inputs(info.features)}"
        )
    if learnt.features is not None:
        return Task.of(info), None
    symbols = learnt.num_input_ids - learnt.has_bos
    own = info.input_vocab_size or info.vocab_size
    if own > symbols:
        raise ConfigError(
            f"target: its inputs have {own} symbols and the members were trained on {symbols}; "
            "bring inputs in the alphabet of the members"
        )
    if info.has_bos and not learnt.has_bos:
        raise ConfigError(
            "target: its first token is a label, which needs a start token, and the members were "
            "trained without one; bring a source that begins with inputs"
        )
    mask = (False,) * learnt.has_bos + tuple(map(bool, info.label_mask))
    task = Task(
        vocab_size=info.vocab_size,
        length=len(mask),
        label_mask=mask,
        input_vocab_size=learnt.num_input_ids,
        labels_vary=info.labels_vary,
    )
    return task, learnt.num_input_ids - 1 if learnt.has_bos else None


def with_start(batch: Batch, start: int | None) -> Batch:
    """Put the start token before sequences [B, L]; None leaves them as they are."""
    if start is None or isinstance(batch, Vectors):
        return batch
    if isinstance(batch, MaskedTokens):
        unpaid_B1 = jnp.zeros((len(batch.mask), 1), bool)
        mask = jnp.concatenate([unpaid_B1, batch.mask], axis=1)
        return MaskedTokens(with_start(batch.tokens, start), mask)
    start_B1 = jnp.full((len(batch), 1), start, jnp.int32)
    return jnp.concatenate([start_B1, batch.astype(jnp.int32)], axis=1)


def _inputs(features: int | None) -> str:
    return "tokens" if features is None else f"vectors of {features} numbers"
