"""Checks of a user's model before it is trained: types, shapes, finite logits, no foresight."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from epiplexity_jax.base.digest import bytes_digest
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families.spec import Task

Init = Callable[[jax.Array, jax.Array], Any]
Apply = Callable[[Any, Any], jax.Array]
RateScales = Callable[[Any], Any]
Moved = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Functions(NamedTuple):
    """A model as two pure functions.

    Attributes:
        init: (key, inputs of one sequence) to parameters, a pytree of float32 arrays.
        apply: (parameters, inputs) to logits. Inputs are tokens [B, l] int32 and give [B, l, V],
            where entry i predicts token i + 1; or vectors [B, F] float32, which give [B, V].
        check: refuses the model, or not, on inputs that fit; None where nothing is to be checked.
    """

    init: Init
    apply: Apply
    check: Callable[[jax.Array], None] | None = None


_SIGNATURES = (
    "needed: init(key) and apply(params, inputs); Functions(init, apply) has an init(key, inputs)"
)
_SUMS_TO_ONE = 1e-2  # distance of probabilities in bfloat16
_PADDED_TO = 128  # vocabularies are padded to multiples of it at the most
_EPSILON = float(np.finfo(np.float32).eps)
_MOST_ROWS = 16
_MOST_TOKENS, _MOST_LOGITS = 2**14, 2**23  # of a batch, as far as two rows allow
_MOST_ALONE = 2**18  # tokens read while labels are changed one by one


def sliced_to(functions: Functions, task: Task) -> Functions:
    """Cut logits of a padded vocabulary down to the alphabet.

    Vocabularies are padded to a multiple of 8 to 128 for speed. Symbols beyond the alphabet never
    occur, so they are left out of the predictions.

    Args:
        functions: the model.
        task: its inputs and labels.
    """
    shapes = jax.eval_shape(functions.init, jax.random.key(0), task.blank_inputs())
    logits: Any = jax.eval_shape(functions.apply, shapes, task.inputs_like(1))
    size = task.vocab_size
    if not isinstance(logits, jax.ShapeDtypeStruct) or not logits.shape:
        return functions
    if not size < logits.shape[-1] <= -(-size // _PADDED_TO) * _PADDED_TO:
        return functions
    return functions._replace(apply=lambda params, x: functions.apply(params, x)[..., :size])


def notes_on(functions: Functions, task: Task) -> tuple[str, ...]:
    """Say that a model starts from weights that were not drawn, whose bits nobody pays for.

    Args:
        functions: the model.
        task: its inputs and labels.
    """
    init = jax.jit(functions.init)
    one, two = (init(jax.random.key(seed), task.blank_inputs()) for seed in (0, 1))
    fixed = drawn = 0
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        if np.array_equal(a, b):
            fixed += 0 if np.ptp(a) == 0 else a.size  # zeros and ones are no knowledge
        else:
            drawn += a.size
    if fixed <= drawn:
        return ()
    return (
        f"starts from weights that do not depend on the key ({fixed:,} of {fixed + drawn:,} that "
        "are not constant): if they are pretrained, what they know is in no code length",
    )


def check(functions: Functions, task: Task, rate_scales: RateScales | None) -> tuple[int, str]:
    """Check a model against its task before anything is trained.

    Args:
        functions: the model.
        task: its inputs and labels.
        rate_scales: parameters to a tree of multiples of the base learning rate, or None.

    Returns:
        Its parameter count; and a fingerprint, the hash of its programs and rate scales, constants
        included.

    Raises:
        ConfigError: when parameters, logits or rate scales have a wrong type, shape or value, when
            a logit at a target position depends on a later label, or a sequence's on another's.
    """
    init, apply, check_state = functions
    key, blank = jax.random.key(0), task.blank_inputs()
    shapes = jax.eval_shape(init, key, blank)
    leaves = jax.tree.leaves(shapes)
    wrong = sorted({str(leaf.dtype) for leaf in leaves} - {"float32"})
    if not leaves or wrong:
        held = f"holds {', '.join(wrong)}" if leaves else "has no parameters"
        raise ConfigError(f"{held}; parameters must be float32 arrays")
    rows = _rows(task)
    for batch in (1, rows):
        _check_logits(apply, shapes, task, batch)
    if check_state is not None:
        check_state(jnp.asarray(_drawn(task, 2, np.random.Generator(np.random.Philox(1)))))
    program = _program(apply, shapes, task.inputs_like(2))
    text = _program(init, key, blank) + program
    params = jax.jit(init)(key, blank)
    if rate_scales is not None:
        text += _check_scales(rate_scales, params)
    rounding = _rounding(program)
    with jax.default_matmul_precision("highest"):
        _check_behaviour(jax.jit(apply), params, task, rows, rounding)
    return sum(leaf.size for leaf in leaves), bytes_digest([text])


def raised(error: Exception) -> str:
    """Name an error of the user's own code, with its message on one line, and a usual cure."""
    said = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    if isinstance(error, TypeError) and "missing" in said and "argument" in said:
        if "__call__" in said:
            return f"{said}; give arguments of the call as from_linen(module, train=False)"
        return f"{said}; {_SIGNATURES}"
    if "Apply must be called with an RNG" in said:
        return f"{said}; hk.without_apply_rng takes it away"
    if "deterministic" in said:
        return f"{said}; give it as from_linen(module, deterministic=True)"
    return said


def _rows(task: Task) -> int:
    """Sequences of the batches that are tried: at least two, as some faults show in company."""
    length = 1 if task.features is not None else task.input_length
    most = min(_MOST_TOKENS // length, _MOST_LOGITS // (length * task.vocab_size))
    return int(np.clip(most, 2, _MOST_ROWS))


def _program(function: Callable[..., Any], *arguments: Any) -> str:
    """A function's program, constants included."""
    return jax.jit(function).lower(*arguments).as_text()


def _rounding(program: str) -> float:
    """Relative change, of a sequence's largest logit, that counts as rounding.

    Most programs give equal bits. Sums of which a part is taken away again do not (3 roundings of
    float32 measured), nor do FFTs (12 measured), whose noise flips roundings to a coarser type.
    """
    if ".fft" not in program:
        return 4 * _EPSILON
    coarse = {"xbf16>": jnp.bfloat16, "xf16>": jnp.float16}
    used = [float(jnp.finfo(kind).eps) for name, kind in coarse.items() if name in program]
    return max(used, default=32 * _EPSILON)


def _check_logits(apply: Apply, params: Any, task: Task, batch: int) -> None:
    """Refuse logits that are not one floating-point array of the right shape."""
    given: Any = jax.eval_shape(apply, params, task.inputs_like(batch))
    if not isinstance(given, jax.ShapeDtypeStruct):
        raise ConfigError(
            f"is no model: apply must return one array of logits, got {type(given).__name__}"
        )
    vector = task.features is not None
    wanted = (batch, task.vocab_size) if vector else (batch, task.input_length, task.vocab_size)
    if given.shape != wanted and not (vector and given.shape == (batch, 1, task.vocab_size)):
        many = "one sequence" if batch == 1 else f"{batch} sequences"
        raise ConfigError(
            f"gives logits of shape {[*given.shape]} for {many}, not {[*wanted]}"
            f"{_wider(given, wanted, task)}"
        )
    if not jnp.issubdtype(given.dtype, jnp.floating):
        raise ConfigError(f"gives logits of type {given.dtype}; they must be floating-point")


def _wider(given: jax.ShapeDtypeStruct, wanted: tuple[int, ...], task: Task) -> str:
    """Say what helps where the vocabulary alone is too large."""
    if given.shape[:-1] != wanted[:-1] or given.shape[-1] < wanted[-1]:
        return ""
    return (
        f"; cut them to the alphabet (logits[..., :{task.vocab_size}]), or give the source "
        f"vocab_size: {given.shape[-1]}"
    )


def _check_scales(rate_scales: RateScales, params: Any) -> str:
    """Refuse rate scales that do not fit the parameters; return their program, with its values."""

    def scaled(params: Any) -> Any:
        return jax.tree.map(jnp.asarray, rate_scales(params))

    try:
        scales = jax.jit(scaled)(params)
        text = _program(scaled, params)
    except Exception as error:  # whatever the user's own code raises
        raise ConfigError(f"has rate_scales that fail: {raised(error)}") from error
    wanted, given = jax.tree.structure(params), jax.tree.structure(scales)
    if wanted != given:
        raise ConfigError(
            "has rate_scales that do not fit its parameters: they must return a tree of the same "
            f"structure, a number for each array, and returned {str(given)[:200]}"
        )
    named = jax.tree_util.tree_leaves_with_path(scales)
    for (path, scale), leaf in zip(named, jax.tree.leaves(params), strict=True):
        value, where = np.asarray(scale), jax.tree_util.keystr(path)
        fits = value.ndim <= leaf.ndim and all(
            n in (1, m) for n, m in zip(value.shape[::-1], leaf.shape[::-1], strict=False)
        )
        if not fits:
            raise ConfigError(
                f"has rate_scales of shape {[*value.shape]} for the parameters {where} of shape "
                f"{[*leaf.shape]}; they must be a number or broadcast to that shape"
            )
        value = value.astype(np.complex128 if np.iscomplexobj(value) else np.float64)
        bad = value[~(np.isfinite(value) & (value.imag == 0) & (value.real >= 0))]
        if bad.size:
            raise ConfigError(
                f"has rate_scales of {bad.flat[0]} for the parameters {where}; they must be finite "
                "and 0 or more"
            )
    return text


def _comparison(apply: Apply, params: Any, inputs: np.ndarray, rounding: float) -> Moved:
    """Return a function that finds where other inputs move logits that must not move.

    It maps inputs, and [R, l] where logits are free to move, to [R, l]. The model is compiled at
    one batch size: equal rows then give equal bits in most programs.
    """

    def logits_of(inputs: np.ndarray) -> jax.Array:
        logits = apply(params, jnp.asarray(inputs))
        return logits if logits.ndim == 3 else logits[:, None]

    logits = logits_of(inputs)
    noise = np.asarray(_change(logits, logits_of(inputs))[0])  # where nothing changes

    def moved(inputs: np.ndarray, free: np.ndarray) -> np.ndarray:
        free = np.broadcast_to(free, noise.shape)
        change, size = map(np.asarray, _change(logits, logits_of(inputs)))
        reach = change.max(axis=1, keepdims=True, initial=0.0, where=free & np.isfinite(change))
        allowed = rounding * (size.max(axis=1, keepdims=True) + reach) + 4 * noise
        return ~(change <= allowed) & ~free

    return moved


@jax.jit
def _change(one: jax.Array, two: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Largest change over V beyond one rounding of a coarse type, and largest logit: [R, l]."""
    coarse = float(jnp.finfo(one.dtype).eps)
    first, second = one.astype(jnp.float32), two.astype(jnp.float32)
    rounding = coarse * jnp.abs(first) if coarse > _EPSILON else 0.0
    change = jnp.where(first == second, 0.0, jnp.abs(first - second) - rounding)
    return jnp.maximum(change, 0.0).max(-1), jnp.abs(first).max(-1)


def _check_behaviour(apply: Apply, params: Any, task: Task, rows: int, rounding: float) -> None:
    """Refuse logits that are not finite, mixed sequences and foresight."""
    generator = np.random.Generator(np.random.Philox(0))
    inputs = _drawn(task, rows, generator)
    logits = apply(params, jnp.asarray(inputs))
    if not jnp.isfinite(logits).all():
        raise ConfigError(
            "gives logits that are not finite at initialisation; where minus infinity is meant, a "
            "large negative number serves"
        )
    if (logits >= 0).all() and (jnp.abs(logits.sum(-1) - 1) < _SUMS_TO_ONE).all():
        raise ConfigError(
            "gives probabilities, which sum to 1, where logits are expected; leave out the softmax"
        )
    for of_one_token in (True, False):
        weights = _moved_weights(apply, params, inputs, of_one_token, generator)
        moved = _comparison(apply, weights, inputs, rounding)
        _refuse_mixing(moved, inputs, task, generator)
        if task.features is None:
            _refuse_foresight(moved, inputs, task, of_one_token, generator)


def _drawn(task: Task, rows: int, generator: np.random.Generator) -> np.ndarray:
    """Random inputs: [R, l] int32 or [R, F] float32."""
    if task.features is not None:
        return generator.standard_normal((rows, task.features), np.float32)
    symbols = np.full(task.input_length, task.num_input_ids - task.has_bos)
    symbols[_label_positions(task)] = task.vocab_size
    tokens = generator.integers(symbols, size=(rows, task.input_length)).astype(np.int32)
    if task.has_bos:
        tokens[:, 0] = task.num_input_ids - 1
    return tokens


def _label_positions(task: Task) -> np.ndarray:
    """Input positions that hold a label."""
    held = np.flatnonzero(np.asarray(task.label_mask)) + task.has_bos
    return held[held < task.input_length]


def _moved_weights(
    apply: Apply, params: Any, inputs: np.ndarray, wide: bool, generator: np.random.Generator
) -> Any:
    """Weights away from their initial values, as an output layer of zeros hides what a model sees.

    Moves are of 0.1 (`wide`), or of one over the root of a matrix's input width, so that deep
    models do not saturate. Where they make logits infinite, positive and smaller ones are tried.
    """

    def normal(leaf: jax.Array) -> np.ndarray:
        fan_in = leaf.shape[-2] if leaf.ndim > 1 else 4
        size = 0.1 if wide else 1 / np.sqrt(max(fan_in, 1))
        return np.float32(size) * generator.standard_normal(leaf.shape, np.float32)

    moves = jax.tree.map(normal, params)
    for part in (lambda x: x, np.abs, lambda x: np.float32(0.01) * x):
        weights = jax.tree.map(lambda p, x, part=part: p + part(x), params, moves)
        if jnp.isfinite(apply(weights, jnp.asarray(inputs))).all():
            return weights
    return params


def _refuse_mixing(
    moved: Moved, inputs: np.ndarray, task: Task, generator: np.random.Generator
) -> None:
    """Refuse logits of a sequence that depend on the other sequences of its batch.

    Rows are changed by the binary digits of their numbers: any two rows differ in one of them.
    """
    rows = np.arange(len(inputs))
    other = _drawn(task, len(rows), generator)
    for digit in range(int(rows[-1]).bit_length()):
        for value in (0, 1):
            changed = (rows >> digit & 1 == value)[:, None]
            if moved(np.where(changed, other, inputs), changed).any():
                raise ConfigError(
                    "mixes sequences: the logits of one change with the others of its batch, and "
                    "each must be predicted on its own (without batch statistics, say)"
                )


def _refuse_foresight(
    moved: Moved, inputs: np.ndarray, task: Task, of_one_token: bool, generator: np.random.Generator
) -> None:
    """Refuse logits that depend on labels behind them; inputs that are no labels may be seen.

    Every label that the model reads is changed once, one row of a batch each: with all labels
    behind it, or alone (`of_one_token`; as many of them, drawn at random, as the time allows). The
    error has the first position whose logits move.
    """
    positions = np.arange(task.input_length)
    targets = np.isin(positions, task.target_positions)
    labels = _label_positions(task)
    behind = labels[labels > positions[targets][0]]
    if of_one_token and len(behind) > (most := max(_MOST_ALONE // len(positions), 1)):
        behind = np.sort(generator.choice(behind, most, replace=False))
    rows = len(inputs)
    places = np.arange(-(-len(behind) // rows) * rows)  # the last chunk repeats the last cut
    for cuts in behind[np.minimum(places, len(behind) - 1)].reshape(-1, rows, 1):
        changed = (positions == cuts) if of_one_token else (positions >= cuts)
        changed &= np.isin(positions, labels)
        shift = generator.integers(1, max(task.vocab_size, 2), size=changed.shape)
        tokens = np.where(changed, (inputs + shift) % task.vocab_size, inputs)
        seen = moved(tokens.astype(np.int32), positions >= cuts) & targets
        if seen.any():
            row = int(seen.any(axis=1).argmax())
            later = int(cuts[row, 0])
            what = f"tokens from position {later} on, which come"
            if of_one_token:
                what = f"token at position {later}, which comes"
            raise ConfigError(
                f"is not causal: its logits at position {seen[row].argmax()} change with the {what}"
                " later"
            )
