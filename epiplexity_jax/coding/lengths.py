"""Code lengths in bits from losses in nats: pure functions on arrays, float64 on the host.

Lengths are those of an ideal arithmetic coder: its overhead (under 2 bits a message) and the names
of the family and of its hyperparameters are left out. A is Finzi et al. 2026 (arXiv 2601.03220), B
is Qiu et al. 2026 (arXiv 2607.11883).

Axis letters: R record points. Other arguments have any shapes that broadcast against each other. A
ConfigError names an argument that is not finite, or not positive where it must be, or of a shape
that does not fit; the functions have a section on errors where there are others.
"""

import numpy as np
from numpy.typing import ArrayLike

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.units import nats_to_bits
from epiplexity_jax.coding import checks
from epiplexity_jax.coding.area import interpolate_sum

Bits = Flops = checks.Values


def uniform_length(test_tokens: ArrayLike, vocab_size: int) -> Bits:
    """Length of the uniform code, of an observer that knows the alphabet only: bits.

    It is test_tokens (label tokens) x log2 V.

    Raises:
        ConfigError: when test tokens are not positive or V is below 2.

    >>> float(uniform_length(100, 4))
    200.0
    """
    if vocab_size < 2:
        raise ConfigError(f"vocab_size: must be at least 2, got {vocab_size}")
    return checks.positive("test_tokens", test_tokens) * np.log2(vocab_size)


def data_length(loss_nats: ArrayLike, test_tokens: ArrayLike) -> Bits:
    """Length of the data given a model, bits: test (label) tokens x held-out loss (A, App. B.1).

    >>> float(data_length(np.log(2), 100))
    100.0
    """
    loss = checks.finite("loss_nats", loss_nats)
    tokens = checks.positive("test_tokens", test_tokens)
    checks.fitting(loss_nats=loss, test_tokens=tokens)
    return nats_to_bits(loss * tokens)


def data_length_error(stderr_nats: ArrayLike, test_tokens: ArrayLike) -> Bits:
    """Standard error of `data_length`, bits, from that of the held-out loss, nats per label token.

    >>> round(float(data_length_error(0.001, 2.5e8)))
    360674
    """
    return data_length(checks.not_negative("stderr_nats", stderr_nats), test_tokens)


def paired_length(
    steps: ArrayLike, losses_nats: ArrayLike, label_tokens_per_step: ArrayLike
) -> checks.Curve:
    """Prequential model length, paired: the same held-out tokens at both ends (A, Eq. 8).

    Every record point i serves as the end: the sum over the steps s before it of
    L(s) - L(steps[i]), interpolated between record points, x label tokens of a step.

    Args:
        steps: [R] integers, increasing from 0.
        losses_nats: [..., R] nats per label token of the model after those steps.
        label_tokens_per_step: label tokens of a training batch, one number.

    Returns:
        [..., R] bits; 0 at step 0. May be negative where a later model is worse.

    Raises:
        ConfigError: when shapes differ, steps do not increase from 0, a loss is not finite, or
            the label tokens are not one positive number.

    >>> paired_length([0, 1, 2], np.log(2) * np.array([3.0, 2.0, 1.0]), 10).round(9).tolist()
    [0.0, 10.0, 30.0]
    """
    points, losses = checks.curve(steps, losses_nats, "losses_nats")
    tokens = checks.positive("label_tokens_per_step", label_tokens_per_step)
    if tokens.size != 1:
        raise ConfigError(f"label_tokens_per_step: expected one number, got {tokens.shape}")
    return nats_to_bits((interpolate_sum(points, losses) - points * losses) * tokens.item())


def online_length(
    online_sum_nats: ArrayLike, label_tokens: ArrayLike, floor_nats: ArrayLike
) -> Bits:
    """Prequential model length, online: training losses above a floor (A, Eq. 8).

    Args:
        online_sum_nats: [R] sum of the losses of all label tokens so far, each scored before the
            model trained on it, nats.
        label_tokens: [R] their number.
        floor_nats: [R] or one: the loss that ends the area, nats per label token.

    Returns:
        [R] bits: (sum - label tokens x floor) / ln 2.

    >>> online_length([0.0, np.log(2) * 50], [0, 10], np.log(2)).tolist()
    [0.0, 40.0]
    """
    total = checks.finite("online_sum_nats", online_sum_nats)
    tokens = checks.not_negative("label_tokens", label_tokens)
    floor = checks.finite("floor_nats", floor_nats)
    checks.fitting(online_sum_nats=total, label_tokens=tokens, floor_nats=floor)
    return nats_to_bits(total - tokens * floor)


def exact_length(online_sum_nats: ArrayLike, final_sum_nats: ArrayLike) -> Bits:
    """Prequential model length, exact, bits: both ends on the training data itself (A, Eq. 8).

    sum_i [log 1/P_i(Z_i) - log 1/P_M(Z_i)] over the data as it was read, repeated or not: losses of
    all label tokens, nats, each scored before the model trained on it, and by the final model.

    >>> float(exact_length(np.log(2) * 50, np.log(2) * 20))
    30.0
    """
    online = checks.finite("online_sum_nats", online_sum_nats)
    final = checks.finite("final_sum_nats", final_sum_nats)
    checks.fitting(online_sum_nats=online, final_sum_nats=final)
    return nats_to_bits(online - final)


def online_length_error(
    online_sum_var: ArrayLike, label_tokens: ArrayLike, floor_stderr_nats: ArrayLike
) -> Bits:
    """Standard error of `online_length`: spread of the losses, and the floor's own error.

    One error of the floor moves the length by label tokens times itself, so it dominates.

    Args:
        online_sum_var: [R] variance of the sum, nats^2.
        label_tokens: [R].
        floor_stderr_nats: [R] or one, nats per label token.

    Returns:
        [R] bits.

    >>> float(online_length_error(0.0, 1000, np.log(2) / 100))
    10.0
    """
    variance = checks.not_negative("online_sum_var", online_sum_var)
    tokens = checks.not_negative("label_tokens", label_tokens)
    floor = checks.not_negative("floor_stderr_nats", floor_stderr_nats)
    checks.fitting(online_sum_var=variance, label_tokens=tokens, floor_stderr_nats=floor)
    return nats_to_bits(np.sqrt(variance + (tokens * floor) ** 2))


def two_part(model_bits: ArrayLike, data_bits: ArrayLike) -> Bits:
    """Length of the two-part code, bits: the model, then the data given the model.

    >>> float(two_part(3.0, 4.0))
    7.0
    """
    model = checks.numbers("model_bits", model_bits)
    data = checks.numbers("data_bits", data_bits)
    checks.fitting(model_bits=model, data_bits=data)
    return model + data


def selection_bits(candidates: int) -> float:
    """Length of the name of one of so many members and record points: log2 of their number, bits.

    Raises:
        ConfigError: when there is no candidate.

    >>> selection_bits(8)
    3.0
    """
    if candidates < 1:
        raise ConfigError(f"candidates: must be at least 1, got {candidates}")
    return float(np.log2(candidates))


def dense_flops(params: int) -> tuple[float, float]:
    """FLOPs per token of a dense network with N parameters: (6 N training, 2 N evaluation).

    Raises:
        ConfigError: when N is negative.

    >>> dense_flops(10)
    (60.0, 20.0)
    """
    if params < 0:
        raise ConfigError(f"params: must not be negative, got {params}")
    return 6.0 * params, 2.0 * params


def time_bound(
    train_tokens: ArrayLike,
    test_tokens: ArrayLike,
    tokens_per_label: float,
    train_flops_per_token: float,
    eval_flops_per_token: float,
    averaged_tokens: ArrayLike = 0.0,
) -> Flops:
    """FLOPs to decode the model by replaying its training, then to evaluate it on the data.

    6 N D + 2 N test_tokens r for a dense network (A, App. B.1): input and label tokens both take
    time, only label tokens are paid for. Where averaged weights code the stream a second forward
    pass decodes it, and its tokens cost 8 N (B, Eq. 19).

    Args:
        train_tokens: D, input and label tokens trained on.
        test_tokens: label tokens of the dataset.
        tokens_per_label: r, (input + label tokens) / label tokens, at least 1.
        train_flops_per_token: FLOPs of training per (input or label) token.
        eval_flops_per_token: FLOPs of evaluation per (input or label) token.
        averaged_tokens: those of D that averaged weights code.

    Raises:
        ConfigError: when a number is negative, r is below 1, or shapes do not fit.

    >>> float(time_bound(100, 50, 2.0, *dense_flops(10)))
    8000.0
    """
    if not 1 <= tokens_per_label < np.inf:
        raise ConfigError(f"tokens_per_label: must be at least 1, got {tokens_per_label}")
    train_cost = checks.not_negative("train_flops_per_token", train_flops_per_token)
    eval_cost = checks.not_negative("eval_flops_per_token", eval_flops_per_token)
    train = checks.not_negative("train_tokens", train_tokens)
    test = checks.positive("test_tokens", test_tokens)
    twice = checks.not_negative("averaged_tokens", averaged_tokens)
    checks.fitting(train_tokens=train, test_tokens=test, averaged_tokens=twice)
    return train * train_cost + twice * eval_cost + test * (tokens_per_label * eval_cost)


def per_token(bits: ArrayLike, tokens: float) -> Bits:
    """Bits per label token, of a length of so many label tokens.

    >>> float(per_token(200.0, 100))
    2.0
    """
    return checks.numbers("bits", bits) / checks.positive("tokens", tokens)


def per_byte(bits: ArrayLike, tokens: float, bytes_per_token: float) -> Bits:
    """Bits per byte of the original data, which compares across tokenisers.

    Args:
        bits: length of `tokens` label tokens.
        tokens: their number.
        bytes_per_token: bytes of original data per label token.

    >>> float(per_byte(200.0, 100, 4.0))
    0.5
    """
    return per_token(bits, tokens) / checks.positive("bytes_per_token", bytes_per_token)


def per_symbol(bits: ArrayLike, tokens: float, symbols_per_token: float) -> Bits:
    """Bits per symbol of the original data, where a token stands for several.

    Args:
        bits: length of `tokens` label tokens.
        tokens: their number.
        symbols_per_token: symbols of original data per label token.

    >>> float(per_symbol(200.0, 100, 2.0))
    1.0
    """
    return per_token(bits, tokens) / checks.positive("symbols_per_token", symbols_per_token)
