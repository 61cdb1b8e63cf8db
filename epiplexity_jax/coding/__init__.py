"""Code lengths and areas: arrays in, float64 out, no training and no JAX needed."""

from epiplexity_jax.coding.area import (
    interpolate_sum,
    interpolation_error,
    record_points,
    segment_weights,
)
from epiplexity_jax.coding.blocks import block_grid, group_sizes, sum_variance
from epiplexity_jax.coding.lengths import (
    data_length,
    data_length_error,
    dense_flops,
    exact_length,
    online_length,
    online_length_error,
    paired_length,
    per_byte,
    per_symbol,
    per_token,
    selection_bits,
    time_bound,
    two_part,
    uniform_length,
)
from epiplexity_jax.coding.requential import certified_length, requential_length
from epiplexity_jax.coding.stream_level import StreamLevel, stream_level
from epiplexity_jax.coding.switch import Switch, best_switch, switch_bits

__all__ = [
    "block_grid",
    "StreamLevel",
    "Switch",
    "best_switch",
    "certified_length",
    "data_length",
    "data_length_error",
    "dense_flops",
    "exact_length",
    "group_sizes",
    "interpolate_sum",
    "interpolation_error",
    "online_length",
    "online_length_error",
    "paired_length",
    "per_byte",
    "per_symbol",
    "per_token",
    "record_points",
    "requential_length",
    "segment_weights",
    "selection_bits",
    "sum_variance",
    "stream_level",
    "switch_bits",
    "time_bound",
    "two_part",
    "uniform_length",
]
