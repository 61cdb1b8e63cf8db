"""What does data of the Game of Life cost? Packed rows against a byte for each cell.

Run: python benchmarks/life.py  (about 30 seconds)

The engine draws a chunk of batches at once; `chunk` is 64 batches of 64. A density of 0.3 takes 32
random bits per cell and one of 0.5 a single one. `ratio` compares the shortest times, which other
work on the machine disturbs least.
"""

import jax
import jax.numpy as jnp
from automata import milliseconds
from result import write

from epiplexity_jax.sources.synthetic.life import (
    LifeRule,
    LifeSampler,
    density_digits,
    life_masks,
)

RULE = "B3/S23"


def bytewise(density: float, sampler: LifeSampler, key: jax.Array, count: int) -> jax.Array:
    """What `LifeSampler` does for Conway's rule, with a byte for each cell."""

    def step(_: int, grid: jax.Array) -> jax.Array:
        across = grid + jnp.roll(grid, 1, axis=2) + jnp.roll(grid, -1, axis=2)
        near = across + jnp.roll(across, 1, axis=1) + jnp.roll(across, -1, axis=1) - grid
        return ((near == 3) | ((near == 2) & (grid == 1))).astype(jnp.uint8)

    shape = (count, sampler.rows, sampler.columns)
    x = jax.random.bernoulli(key, density, shape).astype(jnp.uint8)
    y = jax.lax.fori_loop(0, sampler.steps, step, x)
    return jnp.concatenate([x, y], axis=1).reshape(count, -1).astype(jnp.int32)


def main() -> None:
    rows = []
    for case, batches, count, side, steps, density in (
        ("batch", 1, 384, 16, 4, 0.5),
        ("chunk", 64, 64, 8, 4, 0.5),
        ("chunk", 64, 64, 16, 4, 0.5),
        ("chunk", 64, 64, 16, 4, 0.3),
        ("chunk", 64, 64, 16, 64, 0.5),
    ):
        keys = jax.random.split(jax.random.key(0), batches)
        digits, masks = density_digits(density)
        sampler = LifeSampler(side, side, steps, digits)
        parameters = LifeRule(jnp.asarray(life_masks(RULE)), jnp.asarray(masks))

        def packed(parameters, keys, sampler=sampler, count=count):
            return jax.vmap(lambda key: sampler(parameters, key, count))(keys)

        def plain(density, keys, sampler=sampler, count=count):
            return jax.vmap(lambda key: bytewise(density, sampler, key, count))(keys)

        fast = milliseconds(packed, parameters, keys)  # pyright: ignore[reportArgumentType]
        slow = milliseconds(plain, jnp.float32(density), keys)
        row = {"case": case, "batches": batches, "count": count, "side": side, "steps": steps}
        ratio = round(slow["min_ms"] / fast["min_ms"], 1)
        rows.append(row | {"density": density, "packed": fast, "bytewise": slow, "ratio": ratio})
        print(rows[-1], flush=True)
    print(write("life", backend=jax.default_backend(), rule=RULE, rows=rows))


if __name__ == "__main__":
    main()
