"""Adapters of Flax modules to models: call arguments, fixed state, no mesh of somebody else's."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families.user_model_checks import Functions

_WEIGHTS = 0.3  # standard deviation of the random weights under which state is tried


@contextlib.contextmanager
def _without_mesh() -> Iterator[None]:
    """Hide the mesh in scope: a module's annotations name the axes of another one."""
    with jax.sharding.use_abstract_mesh(jax.sharding.AbstractMesh((), ())):
        yield


def from_linen(module: Any, **call: Any) -> Functions:
    """Adapt a Flax Linen module that maps tokens to logits.

    Collections besides the parameters keep their first values. Annotations of how weights are
    partitioned belong to another mesh and are ignored.

    Args:
        module: the module.
        **call: further arguments of its call, such as `train=False` or `deterministic=True`.

    Raises:
        ConfigError: when it is no Linen module; at `apply`, when the call changes a collection or
            draws random numbers.
    """
    from flax import errors, nnx
    from flax.core import meta

    if isinstance(module, type):
        raise ConfigError(
            f"from_linen: expected a Linen module, got the class {module.__name__}; give an "
            "instance of it"
        )
    if isinstance(module, nnx.Module):
        raise ConfigError("from_linen: expected a Linen module, got one of NNX; use from_nnx")

    def variables(key: Key[Array, ""], inputs: jax.Array) -> dict[str, Any]:
        with _without_mesh():  # two modules that differ in annotations share a program
            return dict(meta.unbox(module.init(key, inputs, **call)))

    def init(key: Key[Array, ""], inputs: jax.Array) -> Any:
        return variables(key, inputs).get("params", {})

    def logits(params: Any, inputs: jax.Array) -> jax.Array:
        shape = jax.ShapeDtypeStruct((1, *inputs.shape[1:]), inputs.dtype)
        held = jax.eval_shape(variables, jax.eval_shape(lambda: jax.random.key(0)), shape)
        state: dict[str, Any] = {}
        if set(held) - {"params"}:
            state = variables(jax.random.key(0), jnp.zeros(shape.shape, shape.dtype))
            del state["params"]
        try:
            with _without_mesh():
                return module.apply({"params": params, **state}, inputs, **call)
        except errors.InvalidRngError as error:
            raise ConfigError(f"draws random numbers, {_DROPOUT}") from error
        except errors.ModifyScopeVariableError as error:
            raise ConfigError(
                f"has state that its call changes ({', '.join(sorted(state))}); {_NO_CODE}, such "
                "as from_linen(module, train=False)"
            ) from error

    # The names of both are in the programs whose hash identifies a model.
    return Functions(init, lambda params, inputs: logits(params, inputs))


_DROPOUT = (
    "as dropout does, and a code must not: switch it off by the arguments of the call, such as "
    "from_linen(module, train=False), or by model.eval()"
)
_NO_CODE = "it would not be part of the code: leave it out, or switch it off in the call"


def from_nnx(make: Callable[[Any], Any], **call: Any) -> Functions:
    """Adapt a Flax NNX module, which its class or a function makes of `nnx.Rngs`.

    It maps tokens to logits. State besides its parameters keeps its first values, where no call can
    change the logits of the next: an unused random key, a table of positions.

    Args:
        make: class or function; `model.eval()` in it switches dropout off.
        **call: further arguments of the module's call, such as `deterministic=True`.

    Raises:
        ConfigError: when it is a module already; when the model is checked, if a call draws random
            numbers for the logits, or changes state on which they depend.
    """
    from flax import linen, nnx

    if isinstance(make, linen.Module):
        raise ConfigError("from_nnx: expected an NNX module, got one of Linen; use from_linen")
    if isinstance(make, nnx.Module):
        raise ConfigError(
            "from_nnx: expected a class or a function of nnx.Rngs, got a module that is made "
            "already, as each member draws weights of its own; give its class, or lambda rngs: ..."
        )

    def split(key: Key[Array, ""]) -> tuple[Any, Any, Any]:
        with _without_mesh():
            graph, params, rest = nnx.split(make(nnx.Rngs(key)), nnx.Param, ...)
        return graph, params, rest

    def shapes() -> tuple[Any, Any, Any]:
        return nnx.eval_shape(lambda: split(jax.random.key(0)))

    def run(params: Any, rest: Any, inputs: jax.Array) -> tuple[jax.Array, Any]:
        """The logits, and the state after the call; `rest` may be None."""
        graph, state, _ = shapes()
        nnx.replace_by_pure_dict(state, params)
        with _without_mesh():
            model = nnx.merge(graph, state, *(() if rest is None else (rest,)))
            logits = model(inputs, **call)
        return logits, nnx.split(model, nnx.Param, ...)[2]

    def apply(params: Any, inputs: jax.Array) -> jax.Array:
        has_state = nnx.to_flat_state(shapes()[2])
        return run(params, split(jax.random.key(0))[2] if has_state else None, inputs)[0]

    def check(inputs: jax.Array) -> None:
        _, params, rest = jax.jit(split)(jax.random.key(0))
        if nnx.to_flat_state(rest):
            _refuse_live_state(jax.jit(run), nnx.to_pure_dict(params), rest, inputs)

    # As in `from_linen`, names count.
    return Functions(lambda key, inputs: nnx.to_pure_dict(split(key)[1]), apply, check)


def _refuse_live_state(run: Callable[..., Any], params: Any, rest: Any, inputs: jax.Array) -> None:
    """Refuse state that changes logits: random keys that are drawn from, caches that are written.

    Args:
        run: (parameters, state, inputs) to logits and the state after the call.
        params: initial parameters.
        rest: initial state.
        inputs: [B, l] or [B, F].
    """
    from flax import nnx

    def is_variable(value: Any) -> bool:
        return isinstance(value, nnx.Variable)

    generator = np.random.Generator(np.random.Philox(0))
    weights = jax.tree.map(
        lambda x: jnp.asarray(_WEIGHTS * generator.standard_normal(x.shape), x.dtype), params
    )
    logits, after = run(weights, rest, inputs)

    def moves(changed: Callable[[Any], bool]) -> bool:
        """Return whether the logits move with the variables for which `changed` holds."""
        marks = iter([changed(place) for place in range(len(named))])
        other = jax.tree.map(
            lambda v: jax.tree.map(_another, v) if next(marks) else v, rest, is_leaf=is_variable
        )
        return not np.array_equal(logits, run(weights, other, inputs)[0], equal_nan=True)

    named = [(".".join(map(str, path)), v) for path, v in nnx.to_flat_state(rest)]
    random = {k for k, (_, v) in enumerate(named) if isinstance(v, nnx.RngState)}
    if random and moves(random.__contains__):
        raise ConfigError(f"draws random numbers ({named[min(random)][0]}), {_DROPOUT}")
    before, now = (jax.tree.leaves(s, is_leaf=is_variable) for s in (rest, after))
    written = {k for k in range(len(named)) if not _equal(before[k], now[k])} - random
    if written and moves(written.__contains__):
        names = ", ".join(named[k][0] for k in sorted(written)[:3])
        raise ConfigError(f"has state that its call changes ({names}); {_NO_CODE}")


def _another(leaf: jax.Array) -> jax.Array:
    """Another value of the same type."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = jax.random.key_data(leaf) ^ np.uint32(0x9E3779B9)
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
    return ~leaf if leaf.dtype == bool else leaf + jnp.ones((), leaf.dtype)


def _equal(one: Any, other: Any) -> bool:
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(
        jnp.issubdtype(a.dtype, jax.dtypes.prng_key) or np.array_equal(a, b) for a, b in pairs
    )
