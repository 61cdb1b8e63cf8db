"""Estimators by kind."""

from epiplexity_jax.base.registry import Registry
from epiplexity_jax.estimators.config import Prequential, Requential
from epiplexity_jax.estimators.prequential import PrequentialEstimator
from epiplexity_jax.estimators.requential import RequentialEstimator
from epiplexity_jax.estimators.spec import Estimator

_REGISTRY: Registry[Estimator] = Registry("estimator")
_REGISTRY.register(Prequential, PrequentialEstimator)
_REGISTRY.register(Requential, RequentialEstimator)

register = _REGISTRY.register
parse = _REGISTRY.parse
open_estimator = _REGISTRY.open
kinds = _REGISTRY.kinds
