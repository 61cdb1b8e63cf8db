"""Members without a store, and targets."""

import jax
import numpy as np

from epiplexity_jax import sources
from epiplexity_jax.families.registry import open_family, parse
from epiplexity_jax.families.spec import task_for
from epiplexity_jax.probing.members import Member

RULE = 30
CELLS = 6


def make_member(info, kind="transformer", seed=0, noise=0.3, **fields):
    """A member of width 8 and depth 2 on a source, with random weights everywhere."""
    config = {"kind": kind, "widths": [8], "depths": [2], **fields}
    family = open_family(parse(config, "family"))
    (size,) = family.sizes()
    model = family.model(size, task_for(family, info), "float32", "cpu")
    leaves, tree = jax.tree.flatten(model.init(jax.random.key(seed)))
    draw = np.random.default_rng(seed).normal
    weights = [np.asarray(x + noise * draw(size=x.shape), np.float32) for x in leaves]
    row = {"source": "made", "size": str(size), "seed": seed, "run_id": f"{kind}{seed}"}
    row |= {"learning_rate": 0.05}
    return Member(row, family, model, "float32", 0, jax.tree.unflatten(tree, weights))


def rings(count, seed=0):
    """Random rings of cells, and the first cell of each after a step of rule 30."""
    x = np.random.default_rng(seed).integers(0, 2, (count, CELLS))
    left, right = np.roll(x, 1, axis=1), np.roll(x, -1, axis=1)
    return x, (left ^ (x | right))[:, 0]


def next_cell(count=4000, seed=0):
    """A source of rings, labelled with the first cell's next state."""
    x, y = rings(count, seed)
    return sources.from_labelled(x, y, classes=2, input_vocab_size=2)
