"""Transfer of trained members to a labelled source, beside the same models from scratch."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict, Unpack

import jax
import numpy as np

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.probing.loop import Outcome, Probe, make_probe, train_members
from epiplexity_jax.probing.members import Member, choose, restore_members
from epiplexity_jax.probing.options import Readout, Trained, TransferOptions
from epiplexity_jax.probing.parameters import keeps_readout, take_over, trained_names
from epiplexity_jax.probing.score import MEMBER, Row, correlations, member_row, scratch_row
from epiplexity_jax.probing.target import Target, open_target, overlaps, target_task
from epiplexity_jax.report.shown import Part, Shown
from epiplexity_jax.report.transfer_tables import correlation_sentences, transfer_table
from epiplexity_jax.results import Runs, load
from epiplexity_jax.runtime.devices import open_devices
from epiplexity_jax.sweep.progress import Progress, Silent

Stores = Sequence[Runs | str | os.PathLike[str]] | Runs | str | os.PathLike[str]


class Options(TypedDict, total=False):
    """Options of a transfer, as `transfer` takes them; see `TransferOptions`."""

    train: Trained
    blocks: int | None
    readout: Readout
    steps: int
    batch_size: int
    learning_rate: float | None
    warmup: float
    seed: int
    heldout_tokens: int


@dataclass(frozen=True, eq=False, repr=False)
class Transfer(Shown):
    """Members on a target, set against their model bits.

    Attributes:
        rows: one a member, then one for each untrained model that members began as.
        correlations: rank correlations over members, of five and more.
        target: facts of the target.
        options: the options of the training.
        notes: sentences on what was left out, and on members that may have read held-out data.
    """

    rows: tuple[Row, ...]
    correlations: tuple[Row, ...]
    target: Mapping[str, Any]
    options: TransferOptions
    notes: tuple[str, ...]

    @property
    def members(self) -> list[Row]:
        """Rows of the members."""
        return [row for row in self.rows if row["kind"] == MEMBER]

    def to_json(self) -> dict[str, Any]:
        """Rows, rank correlations, target and options as plain values."""
        return {
            "transfer": list(self.rows),
            "correlations": list(self.correlations),
            "target": dict(self.target),
            "options": self.options.model_dump(),
            "notes": list(self.notes),
        }

    def _parts(self) -> Iterable[Part]:
        plain = self.to_json()
        return (
            transfer_table(plain["transfer"], plain["target"], plain["options"]),
            [*correlation_sentences(self.correlations), *self.notes],
        )

    def __repr__(self) -> str:
        count = len(self.members)
        return f"<Transfer of {count} member{'s' * (count > 1)}, train {self.options.train}>"


class _Job(NamedTuple):
    """Weights to train on the target, and the place of their outcome."""

    probe: Probe
    params: Any
    rate: float
    place: Any


def transfer(
    store: Stores,
    source: Any,
    *,
    members: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    test_tokens: float | None = None,
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> Transfer:
    """Fine-tune or probe trained members on a labelled source (docs/transfer.md).

    Every member begins with the final averaged weights of its run, which its model bits are of. The
    same model with its initial weights is trained beside it. All read the same sequences in the
    same order.

    Args:
        store: a store, or several, or their runs.
        source: the target: a config such as `sources.Labelled(...)`, or an opened source.
        members: ids of runs, or the beginnings of these; None are all.
        sources: names of the sources that members were trained on; None are all.
        test_tokens: label tokens by which model bits are computed; default: the config's.
        progress: receives steps and messages; default: nothing is shown.
        **options: `train` ("all", "last_blocks" or "readout"), `blocks`, `readout` ("auto", "new"
            or "keep"), `steps`, `batch_size`, `learning_rate`, `warmup`, `seed`, `heldout_tokens`;
            see `TransferOptions`.

    Raises:
        ConfigError: when an option is not allowed, or members cannot read the target.
        DataError: when a source is missing, wrong or too short.
        StoreError: when a folder is not a store or keeps no final states.
    """
    asked, progress = TransferOptions(**options), progress or Silent()
    if test_tokens is not None and not 0 < test_tokens < math.inf:
        raise ConfigError(f"test_tokens: must be a positive number, got {test_tokens:g}")
    with open_devices(False) as devices:
        platform = devices[0].platform
        target = open_target(source, asked)
        found, notes = _restored(store, members, sources, test_tokens, platform)
        notes += overlaps(target, [member for _, member in found])
        jobs = [_jobs(member, path, target, asked) for path, member in found]
        outcomes = _train([one for pair in jobs for one in pair], target, asked, progress)
    rows, scratch = list[Row](), dict[Any, Row]()
    for (path, member), (own, base) in zip(found, jobs, strict=True):
        rows.append(
            member_row(member.row, path, own.rate, outcomes[own.place], outcomes[base.place])
        )
        if base.place not in scratch:
            scratch[base.place] = scratch_row(member.row, path, base.rate, outcomes[base.place])
    rows += scratch.values()
    return Transfer(tuple(rows), tuple(correlations(rows)), _facts(target), asked, tuple(notes))


def _restored(
    store: Stores,
    members: Sequence[str] | None,
    sources: Sequence[str] | None,
    test_tokens: float | None,
    platform: str,
) -> tuple[list[tuple[str, Member]], list[str]]:
    """Members with their stores' folders, and sentences on what is left out."""
    several = [store] if isinstance(store, Runs | str | os.PathLike) else list(store)
    read = [(one if isinstance(one, Runs) else load(one)) for one in several]
    notes, rows, owners = list[str](), list[Row](), list[Runs]()
    for runs in read:
        tokens = test_tokens or runs.test_tokens
        if tokens is None:
            notes.append(
                f"{runs.path}: no test tokens are known, so model bits are left out; give "
                "test_tokens (--test-tokens)"
            )
        named = None if sources is None else [one for one in sources if one in runs.sources]
        if sources is not None and len(read) == 1:
            named = sources  # so that an unknown one is refused
        lengths = {} if tokens else dict.fromkeys(("model_bits", "data_bits"))
        own = runs.rows(tokens or 1.0, sources=named) if named != [] else []
        rows += [row | lengths for row in own]
        owners += [runs] * len(own)
    chosen, found = choose(rows, members), list[tuple[str, Member]]()
    if not chosen:
        raise ConfigError(
            "members: no run of the stores is asked for; name a source that they have"
        )
    for runs in read:
        own = [rows[i] for i in chosen if owners[i] is runs]
        if own:
            restored, left_out = restore_members(runs, own, platform)
            found += [(str(runs.path), member) for member in restored]
            notes += left_out
    return found, notes


def _jobs(member: Member, path: str, target: Target, options: TransferOptions) -> tuple[_Job, _Job]:
    """The training of a member on the target, and that of its initial weights."""
    learnt = member.model.task
    task, start = target_task(learnt, target.info)
    model = member.model_for(task)
    keep = keeps_readout(options.readout if options.steps else "keep", learnt, task)
    initial = member.initial_weights()
    fresh = jax.eval_shape(model.init, jax.random.key(0))
    fresh = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), fresh)
    params = take_over(member.weights, fresh, keep)
    names = trained_names(params, options.train, options.blocks or 1)
    probe = make_probe(model, start, names, options)
    rate = options.learning_rate or member.row["learning_rate"]
    begun = take_over(initial, fresh, keep)
    untrained = ("scratch", probe, learnt, member.root, member.row["seed"], rate)
    trained = (path, member.row["run_id"])
    return _Job(probe, params, rate, trained), _Job(probe, begun, rate, untrained)


def _train(
    jobs: Sequence[_Job], target: Target, options: TransferOptions, progress: Progress
) -> dict[Any, Outcome]:
    """Train jobs, those of equal shapes together and equal ones once."""
    unique = {job.place: job for job in jobs}
    cohorts: dict[Probe, list[_Job]] = {}
    for job in unique.values():
        cohorts.setdefault(job.probe, []).append(job)
    progress.start(len(unique), 0, len(unique) * options.steps)
    tokens, outcomes = options.batch_size * target.info.length, dict[Any, Outcome]()
    try:
        for probe, own in cohorts.items():
            trained = train_members(
                probe,
                [job.params for job in own],
                [job.rate for job in own],
                target,
                options,
                lambda steps: progress.advance(steps, steps * tokens, {}),
            )
            outcomes |= {job.place: one for job, one in zip(own, trained, strict=True)}
            for _ in own:
                progress.run_done({})
    finally:
        progress.close()
    return outcomes


def _facts(target: Target) -> dict[str, Any]:
    """Facts of the target, with the share that its most frequent label has of the held-out ones."""
    info, heldout = target.info, target.heldout
    return {
        "fingerprint": info.fingerprint,
        "vocab_size": info.vocab_size,
        "length": info.length,
        "label_tokens": info.label_tokens,
        "entropy_rate_nats": info.entropy_rate_nats,
        "heldout_sequences": target.layout.sequences,
        "most_frequent_share": _most_frequent(heldout, info.label_mask, info.labels_vary),
    }


def _most_frequent(heldout: Any, mask: Any, vary: bool) -> float:
    """Share of the held-out labels that the most frequent symbol has."""
    tokens = getattr(heldout, "tokens", None)
    if hasattr(heldout, "inputs"):  # vectors
        labels = np.asarray(heldout.labels)
    elif vary:
        labels = np.asarray(tokens)[np.asarray(heldout.mask)]
    else:
        labels = np.asarray(heldout)[..., np.asarray(mask)]
    return float(np.bincount(labels.ravel()).max() / labels.size)
