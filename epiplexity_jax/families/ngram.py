"""Bayesian n-grams (Krichevsky and Trofimov 1981): symbol counts per context, an exact code."""

import math
from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.families.config import ConfiguredFamily, FamilyConfig
from epiplexity_jax.families.spec import Axis, Cost, Nats, Sequences, Size, Task
from epiplexity_jax.sources.spec import MaskedTokens

Counts = NDArray[np.int64]
Paid = NDArray[np.bool_]
_DENSE_CELLS = 1 << 24
_PART_TOKENS = 1 << 22
EVAL_FLOPS, TRAIN_FLOPS = 4.0, 6.0  # see `NgramCoder`


class Ngram(FamilyConfig):
    """Bayesian n-gram: Dirichlet (Krichevsky-Trofimov) counts of symbols after `order` tokens.

    Symbol v after context c has probability (n_cv + alpha) / (n_c + V alpha), the prediction of a
    Bayesian with a Dirichlet(alpha) prior. Counts are updated after every token, so the online code
    is exact at every token and its length is a ratio of Gamma functions. Its variant is `online`
    (`exact` for replayed data) and its floor the final counts on held-out data; there are no
    averaged weights.
    """

    kind: Literal["ngram"] = "ngram"
    orders: Annotated[tuple[int, ...], Axis("order", least=0)] = Field((0, 1, 2), min_length=1)
    """Lengths of the context; each is a size of the family."""
    alpha: float = Field(default=0.5, gt=0, allow_inf_nan=False)
    """Pseudo-count of every symbol: 0.5 is Krichevsky-Trofimov, 1 is Laplace."""
    seeds: int = Field(default=3, ge=1, le=10_000)
    """Seeds per size: they read the source in different orders."""


class _Table:
    """Counts by key: an array where all keys fit one, else sorted keys."""

    def __init__(self, cells: int):
        self.dense = np.zeros(cells, np.int64) if cells <= _DENSE_CELLS else None
        self.keys = np.zeros(0, np.int64)
        self.counts = np.zeros(0, np.int64)

    def get(self, keys: Counts) -> Counts:
        """Counts of keys, any shape."""
        if self.dense is not None:
            return self.dense[keys]
        if not len(self.keys):
            return np.zeros_like(keys)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, self.counts[at], 0)

    def add(self, keys: Counts, counts: Counts) -> None:
        """Add counts to distinct sorted keys."""
        if self.dense is not None:
            self.dense[keys] += counts
            return
        both = np.concatenate([self.keys, keys])
        self.keys, where = np.unique(both, return_inverse=True)
        merged = np.zeros(len(self.keys), np.int64)
        np.add.at(merged, where, np.concatenate([self.counts, counts]))
        self.counts = merged


def _earlier(keys: Counts) -> tuple[Counts, Counts, Counts]:
    """Count each key's earlier occurrences; also return the distinct keys, sorted, and counts."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[first, len(keys)])
    earlier = np.empty(len(keys), np.int64)
    earlier[order] = np.arange(len(keys)) - np.repeat(first, sizes)
    return earlier, ordered[first], sizes


def _refuse_outside(tokens: np.ndarray, symbols: int) -> None:
    if tokens.size and (tokens.min() < 0 or tokens.max() >= symbols):
        wrong = tokens.min() if tokens.min() < 0 else tokens.max()
        raise DataError(f"sequences: tokens must lie in 0..{symbols - 1}, got {wrong}")


class NgramCoder:
    """Counts of one order for one task (see `spec.Coder`).

    The context of a token is the `order` tokens before it; places before the sequence's beginning
    hold a BOS symbol, so sequences are independent. Inputs of a conditional source, and tokens that
    a sequence does not pay for, are context only: neither coded nor learnt.

    N is the V counts of every context that can stand before a label, whether or not the data
    reaches it. A token costs 4 FLOPs to evaluate (two additions of the prior, a division, a
    logarithm) and two counts more to learn.

    Args:
        order: length of the context.
        alpha: pseudo-count of every symbol.
        task: the task to code.

    Attributes:
        cost: N and these FLOPs.

    Raises:
        ConfigError: when contexts are too many to be numbered in 62 bits.
        DataError: from `observe` and `evaluate`, when a token lies outside the alphabet.
    """

    def __init__(self, order: int, alpha: float, task: Task):
        if task.features is not None:
            raise ConfigError("family.kind: an n-gram counts tokens, but the inputs are vectors")
        self.inputs = task.input_vocab_size or task.vocab_size
        symbols = self.inputs + 1
        contexts = symbols**order
        if contexts * task.vocab_size >= 2**62:
            most = int(math.log(2**62 / task.vocab_size, symbols))
            raise ConfigError(
                f"family.orders: order {order} over {task.vocab_size} symbols has too many "
                f"contexts; at most {most}"
            )
        self.order, self.alpha, self.task = order, alpha, task
        self.labels = np.flatnonzero(np.asarray(task.label_mask))
        self.joint = _Table(contexts * task.vocab_size)
        self.context = _Table(contexts)
        known = {min(position, order) for position in self.labels.tolist()}  # tokens of a context
        params = sum(task.vocab_size * self.inputs**length for length in known)
        self.cost = Cost(params, TRAIN_FLOPS, EVAL_FLOPS)

    def _keys(self, sequences: np.ndarray) -> tuple[Counts, Counts]:
        """(context, symbol) and context of every label token: [n, P] each."""
        vocab = self.task.vocab_size
        if sequences.shape[1:] != (self.task.length,):
            raise DataError(f"sequences: expected [n, {self.task.length}], got {sequences.shape}")
        _refuse_outside(sequences[:, self.labels], vocab)
        _refuse_outside(sequences, max(vocab, self.inputs))
        start = np.full((len(sequences), self.order), self.inputs, np.int64)
        padded = np.concatenate([start, sequences.astype(np.int64)], axis=1)
        contexts = np.zeros((len(sequences), len(self.labels)), np.int64)
        for back in range(self.order):
            contexts = contexts * (self.inputs + 1) + padded[:, self.labels + back]
        joint = contexts * vocab + padded[:, self.labels + self.order]
        return joint, contexts

    def _nats(self, joint: Counts, context: Counts, paid: Paid) -> Nats:
        """Nats of each sequence [n], from the counts of its labels in stream order."""
        total = np.log(context + self.alpha * self.task.vocab_size)
        each = np.zeros(paid.shape)
        each[paid] = total - np.log(joint + self.alpha)
        return each.sum(axis=1)

    def _parts(self, sequences: Sequences) -> Iterator[tuple[Counts, Counts, Paid]]:
        """Keys of the labels that are paid for, in stream order, and which these are [n, P].

        In parts: temporary arrays take some hundred bytes a token.
        """
        masked = isinstance(sequences, MaskedTokens)
        tokens = sequences.tokens if masked else sequences
        rows = max(1, _PART_TOKENS // self.task.length)
        for i in range(0, len(tokens), rows):
            joint, context = self._keys(tokens[i : i + rows])
            paid = np.ones(joint.shape, bool)
            if masked:
                paid = sequences.mask[i : i + rows][:, self.labels]
            yield joint[paid], context[paid], paid

    def observe(self, sequences: Sequences) -> Nats:
        """Code, then learn, token by token: [n, L] integers to [n] nats."""
        losses = [np.zeros(0)]
        for joint, context, paid in self._parts(sequences):
            if not len(joint):
                losses.append(np.zeros(len(paid)))
                continue
            joint_before, *joint_counts = _earlier(joint)
            context_before, *context_counts = _earlier(context)
            joint_before += self.joint.get(joint)
            context_before += self.context.get(context)
            losses.append(self._nats(joint_before, context_before, paid))
            self.joint.add(*joint_counts)
            self.context.add(*context_counts)
        return np.concatenate(losses)

    def evaluate(self, sequences: Sequences) -> Nats:
        """Code with the counts so far, learning nothing: [n, L] integers to [n] nats."""
        losses = [
            self._nats(self.joint.get(joint), self.context.get(context), paid)
            for joint, context, paid in self._parts(sequences)
        ]
        return np.concatenate([np.zeros(0), *losses])


class NgramFamily(ConfiguredFamily):
    """One coder per order (see `spec.HostFamily`)."""

    def coder(self, size: Size, task: Task) -> NgramCoder:
        """Make a coder of one order."""
        return NgramCoder(size["order"], self.config.alpha, task)
