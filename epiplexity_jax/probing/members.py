"""Members of a store, restored: the model that a run trained, and its final weights."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
from jaxtyping import Array, Key

from epiplexity_jax.base.config import did_you_mean
from epiplexity_jax.base.errors import ConfigError, EpiplexityError, StoreError
from epiplexity_jax.base.keys import key
from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.checkpoints.state_files import restore_state
from epiplexity_jax.engine.programs import ProgramKey, member_shapes
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.families.spec import DeviceFamily, Model, Task, task_for
from epiplexity_jax.results import Runs
from epiplexity_jax.sources.maps.inner import origins
from epiplexity_jax.sources.opening import open_source
from epiplexity_jax.sources.spec import HostSource, Source
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.config import Sweep, parse_sweep
from epiplexity_jax.sweep.final_states import state_folder
from epiplexity_jax.sweep.recipe import Recipes


@dataclass(frozen=True, eq=False)
class Member:
    """A trained member.

    Attributes:
        row: its row, as `Runs.rows` has it.
        family: its family, which makes the same model for another task.
        model: the model that was trained.
        compute_dtype: type of the activations.
        root: root seed of its sweep.
        weights: its final averaged weights, which its model length is of; host arrays.
        origins: names of the data that it was trained on; none where these were drawn.
    """

    row: Mapping[str, Any]
    family: DeviceFamily
    model: Model
    compute_dtype: str
    root: int
    weights: Any
    origins: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Source, size and seed, for messages."""
        return _label(self.row)

    def model_for(self, task: Task) -> Model:
        """The model of the same size for another task."""
        size = next(s for s in self.family.sizes() if str(s) == self.row["size"])
        return self.family.model(size, task, self.compute_dtype, self.model.platform)

    def initial_weights(self) -> Any:
        """The weights that the member had before it was trained."""
        return _initial(self.model, key(self.root, "init", self.row["seed"]))


@functools.partial(jax.jit, static_argnames="model")
def _initial(model: Model, member_key: Key[Array, ""]) -> Any:
    return model.init(member_key)


def restore_members(
    runs: Runs, rows: Sequence[Mapping[str, Any]], platform: str
) -> tuple[list[Member], list[str]]:
    """Restore the members of a store that ended well and whose final states it keeps.

    Args:
        runs: the store's runs.
        rows: rows of the runs to restore.
        platform: platform of the devices that will train: "cpu", "gpu" or "tpu".

    Returns:
        The members in the order of their rows, and a sentence for each that is left out.

    Raises:
        ConfigError: when the models cannot be made again.
        DataError: when a source, whose alphabet and length the models have, cannot be opened.
        StoreError: when no state is there.
    """
    sweep = _config_of(runs)
    family = _device_family(sweep)
    dtype = sweep.training.compute_dtype
    if dtype == "auto":
        dtype = "float32" if platform == "cpu" else "bfloat16"
    recipes, learnt = Recipes.of(sweep, family), dict[str, Source]()
    store, found, notes = Store.open(runs.path), list[Member](), list[str]()
    for row in rows:
        name = row["source"]
        if name not in learnt:
            learnt[name] = _learnt_source(sweep, name)
        source = learnt[name]
        if why := _left_out(row, source.info.fingerprint, store):
            notes.append(f"{_label(row)}: left out, {why}")
            continue
        size = next((s for s in family.sizes() if str(s) == row["size"]), None)
        if size is None:
            notes.append(f"{_label(row)}: left out, the store's config has no such size")
            continue
        model = family.model(size, task_for(family, source.info), dtype, platform)
        method = recipes.open_estimator(recipes.of_source(name)).method
        like = member_shapes(ProgramKey(model, method))
        state = restore_state(state_folder(store.path, row["run_id"]), like)
        if state is None:
            notes.append(f"{_label(row)}: left out, its final state is damaged")
            continue
        read = origins(source.info) if isinstance(source, HostSource) else ()
        found.append(Member(row, family, model, dtype, sweep.seed, state.weights[0], read))
    if not found:
        why = f"; {notes[0]}" if notes else ""
        raise StoreError(f"{runs.path}: has no member to transfer{why}")
    return found, notes


def choose(rows: Sequence[Mapping[str, Any]], wanted: Sequence[str] | None) -> list[int]:
    """Choose the places of runs by their ids, or by the beginnings of these.

    Args:
        rows: rows of runs.
        wanted: ids, or None for all.

    Raises:
        ConfigError: when no run has an id, or runs of several ids do.
    """
    if wanted is None:
        return list(range(len(rows)))
    ids, chosen = [str(row["run_id"]) for row in rows], set[str]()
    for one in wanted:
        matches = {found for found in ids if one and found.startswith(one)}
        if not matches:
            raise ConfigError(f"members: {did_you_mean('run', one, {found[:8] for found in ids})}")
        if len(matches) > 1:
            raise ConfigError(f"members: {one!r} begins {len(matches)} run ids; write more of it")
        chosen |= matches
    return [place for place, found in enumerate(ids) if found in chosen]


def _config_of(runs: Runs) -> Sweep:
    """The config of a store.

    Raises:
        ConfigError: when it does not make the models, as it was not read from a file.
    """
    try:
        return parse_sweep(Store.open(runs.path).config())
    except ConfigError as error:
        raise ConfigError(f"{runs.path}/sweep.yaml: {error}") from None


def _device_family(sweep: Sweep) -> DeviceFamily:
    family = open_family(sweep.family)
    if not isinstance(family, DeviceFamily):
        raise ConfigError(
            f"family: {family.kind} counts on the host and has no weights to train further; "
            "transfer needs a family that learns by gradients"
        )
    return family


def _learnt_source(sweep: Sweep, name: str) -> Source:
    """Open a source that members were trained on, as it is now."""
    try:
        return open_source(sweep.sources[name])
    except EpiplexityError as error:  # which names the file, not the key
        raise type(error)(f"sources.{name}: {error}") from None


def _left_out(row: Mapping[str, Any], fingerprint: str, store: Store) -> str:
    """The reason why a run cannot be restored; empty where it can."""
    if row["status"] != RunStatus.FINISHED:
        return f"it {row['status']}"
    if row["source_fingerprint"] != fingerprint:
        return "its source has changed since"
    if not state_folder(store.path, row["run_id"]).exists():
        return (
            "the store has not kept its final state (training.keep_final_state, or a KL cap, or "
            "a longer run took its place)"
        )
    return ""


def _label(row: Mapping[str, Any]) -> str:
    return f"{row['source']}, {row['size']}, seed {row['seed']}"
