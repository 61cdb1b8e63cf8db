"""Labels that a simple and a complex feature predict, drawn on the device."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key
from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.keys import key
from epiplexity_jax.sources.spec import DrawnTokens, SourceInfo, Synthetic
from epiplexity_jax.sources.synthetic.noise_markov import entropy_nats


class TwoFeatures(Config):
    """Spurious and core feature: a label that one bit predicts well, and a parity better.

    A sequence is [s, c_1 ... c_k, y], and the label y alone is paid for. y is a fair bit. The
    spurious feature s equals it with probability `spurious`, the core feature, which is the parity
    of the k core bits, with probability `core`, independently given y. All other properties of the
    core bits are noise, so a learner of less than the parity has s alone.

    A source with `spurious: 0.5` and the same core is the test of a model trained on another: there
    s is of no use. Such sources share a compiled program.
    """

    kind: Literal["two_features"] = "two_features"
    core_bits: int = Field(default=4, ge=1, le=4096)
    """k, bits whose parity is the core feature; a sequence has k + 2 tokens."""
    spurious: float = Field(default=0.9, ge=0, le=1)
    """p_s, probability that the spurious feature equals the label."""
    core: float = Field(default=1.0, ge=0, le=1)
    """p_c, probability that the core feature equals the label."""


class Agreement(NamedTuple):
    """Parameters of the features.

    Attributes:
        spurious: [] float32, p_s.
        core: [] float32, p_c.
    """

    spurious: jax.Array
    core: jax.Array


class FeatureEntropies(NamedTuple):
    """Entropy of the label, nats, for observers of a part of the input.

    Attributes:
        spurious: of the spurious feature alone, h(p_s).
        core: of the core feature alone, h(p_c).
        both: of both.
    """

    spurious: float
    core: float
    both: float


@dataclass(frozen=True)
class FeatureSampler:
    """Draws a label, then features that agree with it or not (see `spec.Sampler`)."""

    core_bits: int

    def __call__(self, parameters: Agreement, key_: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, k + 2] int32."""
        bits = jax.random.bernoulli(key(key_, "bits"), shape=(count, self.core_bits))
        label = bits[:, :1]
        uniform = jax.random.uniform(key(key_, "agreement"), (2, count, 1))
        spurious = label ^ (uniform[0] >= parameters.spurious)
        core = label ^ (uniform[1] >= parameters.core)
        rest = bits[:, 1:]
        odd = rest.sum(axis=1, keepdims=True) % 2 == 1
        return jnp.concatenate([spurious, rest, core ^ odd, label], 1).astype(jnp.int32)


def open_two_features(config: TwoFeatures) -> Synthetic:
    """Open the source; its entropy rate is that of the label given both features."""
    length = config.core_bits + 2
    info = SourceInfo(
        vocab_size=2,
        length=length,
        label_mask=np.arange(length) == length - 1,
        fingerprint=fingerprint("two_features", config.core_bits, config.spurious, config.core),
        entropy_rate_nats=feature_entropies(config).both,
    )
    parameters = Agreement(jnp.float32(config.spurious), jnp.float32(config.core))
    return Synthetic(info, FeatureSampler(config.core_bits), parameters)


def feature_entropies(config: TwoFeatures) -> FeatureEntropies:
    """Compute the entropy of the label given one feature or both.

    >>> feature_entropies(TwoFeatures(spurious=0.5, core=1.0)).both
    0.0
    """
    spurious = np.array([1 - config.spurious, config.spurious])  # of not equal, equal
    core = np.array([1 - config.core, config.core])
    # Given the features (s, q), whether y = s: with s = q both agree or neither, else one of them.
    joint = np.stack([spurious * core, spurious * core[::-1]])
    both = entropy_nats(joint.ravel()) - entropy_nats(joint.sum(axis=1))
    return FeatureEntropies(
        float(entropy_nats(spurious)), float(entropy_nats(core)), max(0.0, float(both))
    )
