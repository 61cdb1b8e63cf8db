"""Parameters of a member on its target: those that are taken over, and those that learn."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families.spec import Task
from epiplexity_jax.probing.options import Readout, Trained

READOUT, _NORM, _BLOCK = "readout", "final_norm", "block_"  # as `families.networks` names them
_TABLES = ("token_embedding", "position_embedding")  # whose rows are symbols, or positions


def keeps_readout(readout: Readout, learnt: Task, task: Task) -> bool:
    """Return whether the readout begins as it was learnt.

    Args:
        readout: the choice.
        learnt: the task that the member was trained on.
        task: its task on the target.

    Raises:
        ConfigError: when it cannot be kept.
    """
    same = learnt.vocab_size == task.vocab_size
    if readout == "keep" and not same:
        raise ConfigError(
            f"readout: keep needs a target with {learnt.vocab_size} label symbols, as the members "
            f"were trained on, and this one has {task.vocab_size}; use new"
        )
    return readout == "keep" or (readout == "auto" and same)


def take_over(learnt: Any, fresh: Any, keep_readout: bool) -> Any:
    """Make the parameters with which a member begins on its target.

    Each is the learnt one; of a table of symbols or positions those rows that the target has.

    Args:
        learnt: the member's parameters.
        fresh: initial parameters of the same model for the target.
        keep_readout: whether the readout is the learnt one, too.

    Raises:
        ConfigError: when the target needs parameters that the member has not learnt.
    """
    old = dict(jax.tree_util.tree_leaves_with_path(learnt))

    def one(path: tuple[Any, ...], new: Any) -> np.ndarray:
        if _name(path[0]) == READOUT and not keep_readout:
            return np.asarray(new)
        found = old.get(path)
        if found is not None and found.shape == new.shape:
            return np.asarray(found)
        if found is not None and found.shape[1:] == new.shape[1:] and _name(path[-1]) in _TABLES:
            return _first_rows(np.asarray(found), new.shape[0], _name(path[-1]))
        was = "not learnt" if found is None else f"learnt as {list(found.shape)}"
        raise ConfigError(
            f"target: {jax.tree_util.keystr(path)} was {was} and would have to be "
            f"{list(new.shape)}; bring sequences as long as those that the members were trained on"
        )

    return jax.tree_util.tree_map_with_path(one, fresh)


def _first_rows(table: np.ndarray, rows: int, name: str) -> np.ndarray:
    """The first rows of a learnt table, which must have so many."""
    if rows > len(table):
        units = "input positions" if name == "position_embedding" else "input symbols"
        raise ConfigError(
            f"target: its sequences have {rows} {units} and the members were trained on "
            f"{len(table)}; bring fewer"
        )
    return table[:rows]


def trained_names(params: Mapping[str, Any], train: Trained, blocks: int) -> tuple[str, ...]:
    """Names of the parameters, at the top of their tree, that learn.

    Args:
        params: the parameters.
        train: which learn: all, those from the last blocks on, or the readout's.
        blocks: number of the last blocks.

    Raises:
        ConfigError: when there are no such parameters.
    """
    if train == "all":
        return tuple(params)
    if READOUT not in params:
        raise ConfigError(f"train: the family has no parameters named {READOUT!r}; use all")
    if train == "readout":
        return (READOUT,)
    count = sum(name.startswith(_BLOCK) for name in params)
    if blocks > count:
        raise ConfigError(f"blocks: a model has {count}, fewer than {blocks}; ask for fewer")
    last = {f"{_BLOCK}{i}" for i in range(count - blocks, count)}
    return tuple(name for name in params if name in {READOUT, _NORM, *last})


def _name(entry: Any) -> str:
    return str(getattr(entry, "key", entry))
