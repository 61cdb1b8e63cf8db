"""The Lorenz system, integrated on the device and shown in cells of a box."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int32, Key, UInt32
from pydantic import Field, model_validator

from epiplexity_jax.base import keys
from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.sources.spec import DrawnTokens, SourceInfo, Synthetic

SIGMA, RHO, BETA = 10.0, 28.0, 8 / 3
LYAPUNOV = 0.9056  # largest exponent of these parameters, 1 / time (Sprott 2003)
_STEP = 0.01  # longest step of the integrator, time
_BURN_IN = 15.0  # Lyapunov times
_LOW, _HIGH = (-20.0, -30.0, 0.0), (20.0, 30.0, 50.0)  # the box whose cells are tokens
# Where trajectories begin. Around the z axis, all of them reach the attractor by way of the origin.
# Of a box that holds the two unstable foci, some spiral out from there for 50 Lyapunov times.
_AXIS = ((-1.0, -1.0, 15.0), (1.0, 1.0, 35.0))
_UNIFORM = ((-20.0, -20.0, 0.0), (20.0, 20.0, 40.0))
State = tuple[Float32[Array, " n"], Float32[Array, " n"], Float32[Array, " n"]]
Bits = Annotated[int, Field(ge=1, le=12)]


class Lorenz(Config):
    """Lorenz system: predict the state some time after a given one, of which cells are seen.

    x' = 10 (y - x), y' = x (28 - z) - y, z' = x y - (8/3) z (Lorenz 1963). A sequence is the start
    and the state `time` later, three tokens each: the cells of x in [-20, 20], y in [-30, 30] and
    z in [0, 50], `bits` of each; what lies outside counts to the outermost cell. Only the later
    state is paid for. An error grows by the factor e in a Lyapunov time, 1 / 0.9056 of the
    system's unit. So the start saves bits at small times, while the map from it is there to be
    learnt. At large times nothing of it is left, and the later state costs the entropy of the
    cells, 7.55 bits where `bits` is 4 each.

    Trajectories are drawn on the device, in single precision by the Runge-Kutta method of order 4
    in equal steps of at most 0.01. So every batch has new ones, and held-out states are never those
    of training; and thousands of steps run as one loop, where NumPy would take longer than a small
    model's training. Every product is rounded before it is used, so a key has the same trajectories
    on every device with the arithmetic of IEEE 754, whatever is drawn beside them: with and without
    the start, and for every `time` from the same start.
    """

    kind: Literal["lorenz"] = "lorenz"
    time: float = Field(default=1.0, gt=0, le=1000, allow_inf_nan=False)
    """Lyapunov times from the start to the later state."""
    start: bool = True
    """False leaves the start out: the later state alone, behind a BOS token."""
    bits: tuple[Bits, Bits, Bits] = (4, 4, 4)
    """Bits of x, y and z; V is 2 to the largest."""
    measure: Literal["invariant", "uniform"] = "invariant"
    """Distribution of the start: that of the attractor, or uniform with x and y in [-20, 20] and
    z in [0, 40], as in Finzi et al. 2026."""
    burn_in: float | None = Field(default=None, gt=0, le=1000, allow_inf_nan=False)
    """Lyapunov times from a box around the z axis to the start, of which each trajectory takes a
    uniform share between one half and all; of the invariant measure only; default 15."""

    @model_validator(mode="after")
    def _uniform_starts_are_not_evolved(self) -> "Lorenz":
        if self.measure == "uniform" and self.burn_in is not None:
            raise ValueError(
                f"burn_in: expected none, as measure is uniform, got {self.burn_in:g}; leave it out"
            )
        return self


class LorenzValues(NamedTuple):
    """Values of a source that do not shape its program.

    Attributes:
        low: [3] float32, lower corner of the box where trajectories begin.
        width: [3] float32, its sides.
        burn_step: [] float32, longest step of the burn-in, time.
        step: [] float32, a step from the start to the later state, time.
        scale: [3] float32, cells in a unit of each coordinate.
        cells: [3] int32, cells of each coordinate.
        zero: [] uint32, 0, which a compiler does not know (see `rounded`).
    """

    low: jax.Array
    width: jax.Array
    burn_step: jax.Array
    step: jax.Array
    scale: jax.Array
    cells: jax.Array
    zero: jax.Array


@dataclass(frozen=True)
class LorenzSampler:
    """Integrates trajectories from random starts (see `spec.Sampler`).

    Each has its own length of the burn-in, as z goes round with nearly the same period in all of
    them: after a common one they would still be in step.
    """

    burn_steps: int
    steps: int
    start: bool

    def __call__(self, parameters: LorenzValues, key: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, 6] int32, or [count, 3] without the start."""
        zero = parameters.zero
        places = jax.random.uniform(keys.key(key, "start"), (3, count))
        x, y, z = parameters.low[:, None] + rounded(parameters.width[:, None] * places, zero)
        state = (x, y, z)
        if self.burn_steps:
            share = jax.random.uniform(keys.key(key, "burn_in"), (count,))
            own = rounded(parameters.burn_step * (0.5 + 0.5 * share), zero)
            state = integrate(state, own, self.burn_steps, zero)
        step = jnp.broadcast_to(parameters.step, (count,))
        later = integrate(state, step, self.steps, zero)
        shown = (state, later) if self.start else (later,)
        tokens = [cells(each, parameters.scale, parameters.cells) for each in shown]
        return jnp.concatenate(tokens, axis=1)


def integrate(
    state: State, step: Float32[Array, " n"], steps: int, zero: UInt32[Array, ""]
) -> State:
    """Integrate n trajectories by the classical Runge-Kutta method.

    Args:
        state: x, y and z, [n] each.
        step: length of a step of each trajectory, time.
        steps: number of steps.
        zero: as of `rounded`.
    """

    def slope(state: State) -> State:
        x, y, z = state
        turned = rounded(x * (RHO - z), zero) - y
        sheared = rounded(SIGMA * (y - x), zero)
        return sheared, turned, rounded(x * y, zero) - rounded(BETA * z, zero)

    def after(state: State, step: Float32[Array, " n"], slope: State) -> State:
        x, y, z = (
            value + rounded(step * change, zero) for value, change in zip(state, slope, strict=True)
        )
        return x, y, z

    half, sixth = 0.5 * step, rounded(np.float32(1 / 6) * step, zero)

    def advance(_: Int32[Array, ""], state: State) -> State:
        first = slope(state)
        second = slope(after(state, half, first))
        third = slope(after(state, half, second))
        fourth = slope(after(state, step, third))
        x, y, z = (
            a + 2 * (b + c) + d for a, b, c, d in zip(first, second, third, fourth, strict=True)
        )
        return after(state, sixth, (x, y, z))

    return jax.lax.fori_loop(0, steps, advance, state)


def rounded(product: Float32[Array, "..."], zero: UInt32[Array, ""]) -> Float32[Array, "..."]:
    """Round a product to single precision before it is used.

    A compiler may fuse a product and a sum to one operation that rounds once, or multiply two
    factors first, in one program and not in another. After 20 Lyapunov times that last bit is all
    of the state. Bits combined with an unknown number, which is 0, keep products apart.

    Args:
        product: a product.
        zero: 0, an argument of the compiled program and no constant.
    """
    bits = jax.lax.bitcast_convert_type(product, jnp.uint32) ^ zero
    return jax.lax.bitcast_convert_type(bits, jnp.float32)


def cells(
    state: State, scale: Float32[Array, "3"], counts: Int32[Array, "3"]
) -> Int32[Array, "n 3"]:
    """Number the cells of states from the low corner of the box.

    Args:
        state: x, y and z, [n] each.
        scale: cells in a unit of each coordinate.
        counts: cells of each coordinate.
    """
    above = jnp.stack([value - low for value, low in zip(state, _LOW, strict=True)], axis=1)
    places = jnp.floor(above * scale[None]).astype(jnp.int32)
    return jnp.clip(places, 0, counts[None] - 1)


def open_lorenz(config: Lorenz) -> Synthetic:
    """Open a Lorenz system; its entropy rate is not known in closed form.

    The entropy of the invariant measure's cells, from 3e6 draws, is 7.55 bits of a state for
    `bits: [4, 4, 4]`, 6.26 for [4, 3, 3], 5.54 for [3, 3, 3], 3.86 for [2, 2, 2]. That is what the
    later state costs without the start, whatever `time` is. Of [2, 2, 2] the start gives 2.29 bits
    away at `time: 0.1`, 0.87 at 1, 0.27 at 4, 0.02 at 16 and 0.00 at 30: positions are lost
    soon, while all trajectories go round with nearly the same period.
    """
    uniform = config.measure == "uniform"
    burn_in = 0.0 if uniform else config.burn_in or _BURN_IN
    burn_steps, burn_step = _steps(burn_in)
    steps, step = _steps(config.time)
    low, high = (np.array(corner, np.float32) for corner in (_UNIFORM if uniform else _AXIS))
    counts = np.array([1 << bits for bits in config.bits], np.int32)
    lengths = (np.float32(burn_step), np.float32(step))
    scale = (counts / np.subtract(_HIGH, _LOW)).astype(np.float32)
    tables = (low, high - low, *lengths, scale, counts, np.uint32(0))
    info = SourceInfo(
        vocab_size=int(counts.max()),
        length=6 if config.start else 3,
        label_mask=np.repeat([False, True], [3 if config.start else 0, 3]),
        fingerprint=fingerprint(
            "lorenz", config.time, config.start, config.bits, config.measure, burn_in
        ),
    )
    sampler = LorenzSampler(burn_steps, steps, config.start)
    return Synthetic(info, sampler, LorenzValues(*map(jnp.asarray, tables)))


def _steps(lyapunov_times: float) -> tuple[int, float]:
    """Divide a duration into equal steps of at most 0.01: their number and length, time.

    >>> _steps(0.9056), _steps(0.0)
    ((100, 0.01), (0, 0.0))
    """
    duration = lyapunov_times / LYAPUNOV
    steps = math.ceil(duration / _STEP - 1e-9)
    return steps, duration / max(1, steps)
