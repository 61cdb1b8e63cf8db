"""A requential estimate from the KL of messages that somebody else recorded.

Losses and KL are nats per label token, lengths are bits.
"""

import math
from typing import Any

from epiplexity_jax import coding
from epiplexity_jax.analysis.frontier.decomposition import Decomposition
from epiplexity_jax.analysis.logs.estimate import (
    Estimate,
    Lengths,
    ObservedModel,
    checked,
    outcome_of,
    uniform_bits,
)
from epiplexity_jax.analysis.logs.message_log import MessageLog
from epiplexity_jax.analysis.logs.warnings import SURPRISED, TOKENISERS
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.status import ResultStatus


def estimate_messages(
    log: MessageLog,
    *,
    params: int,
    test_tokens: float,
    floor_nats: float | None = None,
    vocab_size: int | None = None,
    bytes_per_token: float | None = None,
) -> Estimate:
    """Code lengths of the student that was sent by these messages (docs/requential.md).

    The model length is the sum over messages of KL x label tokens / ln 2, the data length
    test tokens x held-out loss / ln 2, the time 6 N D + 2 N test tokens r of the student.

    Args:
        log: the messages.
        params: N, all parameters of the student.
        test_tokens: label tokens of the dataset whose information is measured.
        floor_nats: held-out loss of the final student, nats per label token; default: the file's.
        vocab_size: V; then the uniform code is a candidate.
        bytes_per_token: bytes of original data per label token.

    Raises:
        ConfigError: when an argument is not allowed, or the loss is neither given nor in the file.

    >>> import numpy as np
    >>> kl, tokens = math.log(2) * np.array([2.0, 1.0]), np.array([10.0, 20.0])
    >>> log = MessageLog(name="x", kl_nats=kl, label_tokens=tokens, final_nats=1.0)
    >>> round(estimate_messages(log, params=5, test_tokens=100).area_bits, 9)
    40.0
    """
    test_tokens = checked(params, test_tokens, bytes_per_token)
    loss = _heldout(log, floor_nats)
    lengths = Lengths(
        area=float(coding.requential_length(math.fsum(log.sums_nats.tolist()))),
        data=float(coding.data_length(loss, test_tokens)),
    )
    ratio, trained = log.tokens_per_label, log.total_tokens * log.tokens_per_label
    model, uniform = ObservedModel(log.name, params, trained), uniform_bits(test_tokens, vocab_size)
    outcome = outcome_of(model, lengths, uniform, what="sum of KL")
    per_token = outcome["entropy_bits"] / test_tokens
    is_untrained = outcome["status"] == ResultStatus.UNTRAINED
    time = coding.time_bound(trained, test_tokens, ratio, *coding.dense_flops(params))
    said = [_sum(log), _too_large(log, vocab_size), _data(log, test_tokens)]
    said += [] if bytes_per_token else [TOKENISERS]
    decomposition = Decomposition(
        source=log.name,
        compute_flops=float(time),
        entropy_bits_per_byte=None if bytes_per_token is None else per_token / bytes_per_token,
        test_tokens=test_tokens,
        floor="column" if floor_nats is None else "given",
        resolution_bits=None,
        certified_bits=None if is_untrained else float(coding.certified_length(log.sums_nats)[-1]),
        warnings=(*outcome.pop("said"), *log.notes, *filter(None, said)),
        **_OF_A_STUDENT,
        **outcome,
    )
    rows = int(floor_nats is None)
    return Estimate(decomposition, log.total_tokens, lengths.area, loss, None, rows)


_OF_A_STUDENT: dict[str, Any] = {
    "estimator": "requential",
    "variant": "student",
    "procedure": "one model",
    "interpolation_error_bits": 0.0,
    "flags": (),
}


def _heldout(log: MessageLog, given: float | None) -> float:
    """The held-out loss of the student, as given or as in the file.

    Raises:
        ConfigError: when neither has one.
    """
    loss = log.final_nats if given is None else given
    if loss is None:
        raise ConfigError(
            f"--floor: {log.name} has the KL of messages and no final_loss; give the held-out loss "
            "of the student, nats per label token"
        )
    return loss


def _sum(log: MessageLog) -> str:
    count = log.kl_nats.size
    return (
        f"S_T is the KL of the file's {count} messages, and one that has no entry is missing from "
        "it; the file shows no error of the KL and of the held-out loss, so there is no interval; "
        "compare it with requential results only"
    )


def _too_large(log: MessageLog, vocab_size: int | None) -> str:
    """A KL per token that is more than an untrained student has."""
    largest, most = float(log.kl_nats.max()), math.log(vocab_size or 1e6)
    if largest <= (1.1 * most if vocab_size else SURPRISED):
        return ""
    which = "ln V" if vocab_size else "ln 10^6"
    return (
        f"the largest KL, {largest:.4g} nats a token, is above {which} = {most:.4g}, more than an "
        "untrained student has: it looks like the sum over a message, and means per token are "
        "expected (--loss-divisor, by the tokens of a message)"
    )


def _data(log: MessageLog, test_tokens: float) -> str:
    """Another number of tokens than the file's own."""
    if log.data_tokens in (None, test_tokens):
        return ""
    return (
        f"H_T is that of {test_tokens:.6g} tokens, as --test-tokens says; the file's own "
        f"evaluation_tokens are {log.data_tokens:.6g}"
    )
