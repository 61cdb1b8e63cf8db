"""Networks with a gated linear recurrence in place of attention: a state of fixed size.

Gates a and candidates c (see `Recurrent`) depend on the input alone, so that all positions are
computed by a parallel scan (Martin and Cundy 2018, arXiv 1709.04057; minGRU: Feng et al. 2024,
arXiv 2410.01201). The factor sqrt(1 - a^2) is that of RG-LRU (Griffin: De et al. 2024, arXiv
2402.19427): unrelated candidates then leave the state at unit variance whatever its time scale,
where minGRU's 1 - a would start slow channels near zero, so channels of all time scales learn at
one rate. As in Griffin, gates and candidates see the last few inputs: a gate that saw its own token
alone could not distinguish the first.

Shapes: B batch, L input positions, Q wanted positions, D width.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from epiplexity_jax.families.networks import base
from epiplexity_jax.families.networks.layers import Activations, Dense, Wanted, at, gelu
from epiplexity_jax.families.networks.mup import hidden_init, output_init
from epiplexity_jax.families.spec import Start

Kept = Float[Array, "batch kept width"]

# Per channel, block and token, every operation and elementary function as one: the gate's input
# plus `decay` 1, its sigmoid 3, sqrt((1 - a)(1 + a)) 4, times the candidate 1, a h + b 2, the
# output gate's product 1.
RECURRENCE_FLOPS = 12.0
RECENT = 4  # inputs that a gate and a candidate see, as in Griffin
_LARGEST_GATE_INPUT = 30.0  # a time scale of e^30 tokens; beyond it sqrt(1 - a)'s slope overflows


class Recurrent(base.NetworkConfig):
    """Gated linear recurrence (RG-LRU, minGRU) with an MLP in each block, by parallel scan, muP.

    h_t = a_t h_{t-1} + sqrt(1 - a_t^2) c_t in every channel, with a gate a_t and a candidate c_t
    that depend on the last four inputs. A state of fixed size in place of attention: what is
    needed much later has to be kept.
    """

    kind: Literal["recurrent"] = "recurrent"


def _scan(decay: Activations, added: Activations, reverse: bool = False) -> Activations:
    def join(first: Any, second: Any) -> Any:
        return first[0] * second[0], first[1] * second[0] + second[1]

    return jax.lax.associative_scan(join, (decay, added), axis=1, reverse=reverse)[1]


def _forward(decay: Activations, added: Activations) -> tuple[Activations, Any]:
    states = _scan(decay, added)
    return states, (decay, states)


def _backward(kept: Any, gradient: Activations) -> tuple[Activations, Activations]:
    decay, states = kept
    edge = jnp.zeros_like(states[:, :1])  # [B, 1, D]; all others [B, L, D]
    from_later = jnp.concatenate([decay[:, 1:], edge], axis=1)
    of_added = _scan(from_later, gradient, reverse=True)
    return of_added * jnp.concatenate([edge, states[:, :-1]], axis=1), of_added


@jax.custom_vjp
def linear_recurrence(decay: Activations, added: Activations) -> Activations:
    """The states h_t = decay_t h_{t-1} + added_t from h_0 = 0, in a depth of log2 L steps.

    Arguments and result are [B, L, D] float32. The gradient is the same recurrence backwards in
    time; differentiating the scan's own tree would take three times as long.
    """
    return _scan(decay, added)


linear_recurrence.defvjp(_forward, _backward)


class Memory(NamedTuple):
    """State of one block's recurrence after the positions read.

    Attributes:
        state: [B, D] float32, after the last of them.
        recent: [B, RECENT - 1, D] in the compute dtype, its last inputs; zeros before the first.
    """

    state: Any
    recent: Any


class Recent(nn.Module):
    """Each channel's mix of its last `RECENT` values: a causal depthwise convolution."""

    @nn.compact
    def __call__(self, x_BLD: Activations, before: Kept | None = None) -> Activations:
        """Map x [B, L, D] to [B, L, D], behind [B, RECENT - 1, D] or, at the beginning, zeros."""
        length, width = x_BLD.shape[1:]
        taps = self.param("kernel", hidden_init, (RECENT, width)).astype(x_BLD.dtype)
        if before is None:
            padded = jnp.pad(x_BLD, ((0, 0), (RECENT - 1, 0), (0, 0)))
        else:
            padded = jnp.concatenate([before, x_BLD], axis=1)
        mixed_BLD = jnp.zeros_like(x_BLD)
        for i in range(RECENT):
            mixed_BLD += taps[None, None, i] * padded[:, i : i + length]
        return mixed_BLD


class Recurrence(nn.Module):
    """The gated recurrence: states everywhere, its output at chosen positions."""

    model: "RecurrentModel"

    @nn.compact
    def __call__(
        self, x_BLD: Activations, positions: tuple[int, ...], memory: Memory | None, start: Start
    ) -> tuple[Wanted, Memory | None]:
        """Map x [B, L, D] to [B, Q, D], Q = number of positions.

        With a memory x holds the positions behind those that it remembers.
        """
        del start  # the same mathematics at every position
        length, width = x_BLD.shape[1:]
        mixed_BLD = Recent(name="recent")(x_BLD, memory.recent if memory else None)
        both = Dense(2 * width, name="gate_candidate")(mixed_BLD)  # [B, L, 2 D]
        both = both.astype(jnp.float32)
        decay = self.param("decay", self._time_scales, (width,))
        gate = jnp.minimum(both[..., :width] + decay[None, None], _LARGEST_GATE_INPUT)
        kept, forgotten = jax.nn.sigmoid(gate), jax.nn.sigmoid(-gate)  # [B, L, D], as all below
        added = jnp.sqrt(forgotten * (1.0 + kept)) * both[..., width:]
        if memory is not None:
            carried = kept[:, :1] * memory.state[:, None]
            added += jnp.pad(carried, ((0, 0), (0, length - 1), (0, 0)))
        every_BLD = linear_recurrence(kept, added)
        if memory is not None:
            recent = jnp.concatenate([memory.recent, x_BLD], axis=1)[:, length:]
            memory = Memory(every_BLD[:, -1], recent)
        states_BQD = at(every_BLD, positions).astype(x_BLD.dtype)
        opened_BQD = gelu(Dense(width, name="output_gate")(at(x_BLD, positions)))
        return Dense(width, init=output_init, name="output")(opened_BQD * states_BQD), memory

    @staticmethod
    def empty(model: base.NetworkModel, batch: int, room: int) -> Memory:
        """See `base.NetworkModel`."""
        del room  # of one size whatever it holds
        recent = jnp.zeros((batch, RECENT - 1, model.width), model.compute_dtype)
        return Memory(jnp.zeros((batch, model.width), jnp.float32), recent)

    def _time_scales(self, key: jax.Array, shape: tuple[int]) -> jax.Array:
        """Sigmoid's inputs at which a state fades by e in 1 to L positions, log-spaced."""
        del key
        scales = np.geomspace(1.0, self.model.task.input_length, shape[0])
        return jnp.asarray(-np.log(np.expm1(1.0 / scales)), jnp.float32)


@dataclass(frozen=True)
class RecurrentModel(base.NetworkModel):
    """One size of the recurrent family.

    FLOPs per token: 2 N and 12 x D x depth to evaluate, three times that to train.
    The recurrence is counted as a loop over time computes it; the parallel scan does more work.
    """

    mixer: ClassVar = Recurrence

    def flops_per_token(self, params: int) -> tuple[float, float]:
        """FLOPs of training and of evaluation per (input or label) token."""
        train, evaluate = super().flops_per_token(params)
        recurrence = RECURRENCE_FLOPS * self.width * self.depth
        return train + 3.0 * recurrence, evaluate + recurrence
