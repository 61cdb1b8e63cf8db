"""Every registered estimator keeps the promises of `estimators.spec.Estimator`."""

import json

import jax
import jax.numpy as jnp
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.engine.accounting import Accounting
from epiplexity_jax.engine.heldout import heldout_layout
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.estimators import registry
from epiplexity_jax.estimators.config import Prequential, Requential
from epiplexity_jax.families import Transformer, open_family
from epiplexity_jax.families.spec import Cost, Task
from epiplexity_jax.sources import Markov, open_source
from epiplexity_jax.store.schema import HISTORIES, STREAMS

KINDS = [entry["kind"] for entry in registry.kinds()]
TASK = Task(4, 8, (True,) * 8)
COST = Cost(100, 600.0, 200.0)


@pytest.fixture(params=KINDS)
def estimator(request):
    return registry.open_estimator(registry.parse({"kind": request.param}, "estimator"))


def test_both_kinds_are_registered():
    assert {"prequential", "requential"} <= set(KINDS)


def test_values_that_identify_a_run_are_plain_and_repeat(estimator):
    values = estimator.identity(10)
    assert json.loads(json.dumps(values)) == values == estimator.identity(10)
    assert estimator.iterations(10) >= 10


def test_hyperparameters_are_fields_of_the_engine(estimator):
    Hyperparameters(learning_rate=0.1, warmup_steps=1, **estimator.hyper())
    assert set(estimator.hyper()) <= set(Hyperparameters._fields)


def test_variants_differ_and_there_is_a_default(estimator):
    info = open_source(Markov(vocab_size=4, length=8)).info
    for counts in (False, True):
        variants = estimator.variants(info, counts)
        assert variants
        assert len(set(variants)) == len(variants)


def test_an_iteration_costs_at_least_a_training_step(estimator):
    assert estimator.flops_per_token(COST, 1) >= COST.train_flops_per_token
    assert estimator.flops_per_token(COST, 9) >= estimator.flops_per_token(COST, 1)


def test_states_are_counted_and_their_weights_scored(estimator):
    family, method = open_family(Transformer(widths=(8,), depths=(1,))), estimator.method
    model = family.model(family.sizes()[0], TASK, "float32", "cpu")
    assert hash(method) == hash(estimator.method)
    state = jax.eval_shape(lambda key: method.init(model.init(key), key), jax.random.key(0))
    floats = sum(x.size for x in jax.tree.leaves(state) if x.dtype == jnp.float32)
    copies = floats / model.cost.params
    assert copies <= estimator.state_copies <= copies + 1.0  # a gradient comes on top
    assert len(jax.eval_shape(lambda s: s.weights, state)) == method.num_weight_sets


def test_what_its_recorder_adds_has_columns(estimator):
    recorder = estimator.method.recorder
    parts = ("loss_nats", "loss_stderr", "block_losses_nats")
    made = recorder(Accounting(8, TASK, COST, heldout_layout(64, 64)))
    recorded = {*made.sums, *(f"{name}_{part}" for name in recorder.SCORED for part in parts)}
    everywhere = {column.name for column in HISTORIES}
    own = [column.name for column in estimator.columns]
    assert len(set(own)) == len(own)
    assert not everywhere & set(own)
    assert recorded <= everywhere | set(own)
    assert all(column.meaning for column in estimator.columns)


def test_fields_of_an_own_section_identify_a_run(estimator):
    config = type(estimator.config)
    own = type("Own", (config,), {"__annotations__": {"threshold": float}, "threshold": 1.0})
    found = [type(estimator)(own(threshold=value)).identity(10) for value in (1.0, 2.0)]
    assert found[0] != found[1]
    assert found[0] == estimator.identity(10) | {"threshold": 1.0}


def test_what_its_recorder_sums_by_block_has_columns_and_a_sum_in_the_history(estimator):
    recorder = estimator.method.recorder
    recorded = {f"{name}{end}" for name in recorder.BLOCKS for end in ("_nats", "_groups_nats")}
    everywhere = {column.name for column in STREAMS}
    own = [column.name for column in estimator.stream_columns]
    assert not everywhere & set(own)
    assert set(own) <= recorded <= everywhere | set(own)
    assert {f"{name}_sum_nats" for name in recorder.BLOCKS} <= set(recorder.SUMS)
    for total, losses in recorder.BLOCKS.values():
        assert {total, losses} <= set(recorder.INFO._fields)
    assert next(iter(recorder.BLOCKS)) == "online_loss"


def test_count_families_are_coded_online_only():
    info = open_source(Markov(vocab_size=4, length=8)).info
    prequential = registry.open_estimator(Prequential())
    prequential.check("ngram", True, {"chain": info})
    assert prequential.variants(info, True) == ("online",)
    for config in (Prequential(variant="paired"), Requential()):
        with pytest.raises(ConfigError, match=r"^estimator\."):
            registry.open_estimator(config).check("ngram", True, {"chain": info})
