import numpy as np
import pytest

from epiplexity_jax.analysis import curve_from, score
from epiplexity_jax.analysis.runs.from_store import curves_by_estimator
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.store import StoredRun
from tests.unit.analysis.runs.made import LOSS, STEPS, blocks_around


def stored(**changes):
    row = {
        **{"run_id": "r", "source": "s", "family": "transformer", "size": "w8-d1", "seed": 0},
        **{"params": 100, "vocab_size": 4, "estimator": "prequential", "variant": "paired"},
        **{"floor": "ema", "status": "finished", "message": "", "width": 8, "depth": 1},
        **{"variants": ["paired", "online"], "label_tokens_per_step": 10},
        **{"train_tokens_per_step": 20, "tokens_per_label": 2.0, "train_flops_per_token": 600.0},
        **{"eval_flops_per_token": 200.0, "entropy_rate_nats": None},
    }
    blocks = blocks_around(LOSS)
    history = {
        **{"step": STEPS, "online_loss_sum_nats": 10 * STEPS * 0.6},
        **{"online_loss_sum_var": 10 * STEPS * 0.1, "heldout_loss_nats": LOSS},
        **{"heldout_loss_stderr": np.full(5, 0.01), "heldout_block_losses_nats": blocks},
        **{"heldout_raw_loss_nats": LOSS + 0.1, "heldout_raw_loss_stderr": np.full(5, 0.01)},
        **{"heldout_raw_block_losses_nats": blocks + 0.1},
    }
    return StoredRun(row=row | changes.get("row", {}), history=history | changes.get("h", {}))


def test_a_stored_run_becomes_a_curve():
    curve = curve_from(stored())
    assert curve.variants == ("switch", "paired", "online")  # stores of before do not name it
    assert curve.train_tokens[-1] == 80
    assert curve.label_tokens[-1] == 40
    assert curve.floors() == ("ema", "raw")
    once = 600 * 80 + 200 * 1e3 * 2
    assert score(curve, 1e3, "online").time_flops[-1] == pytest.approx(once)
    # Averaged weights code in a second forward pass.
    assert score(curve, 1e3, "paired").time_flops[-1] == pytest.approx(once + 200 * 80)


def test_a_stored_run_without_raw_weights_has_no_raw_floor():
    curve = curve_from(stored(h={"heldout_raw_loss_nats": np.full(5, np.nan)}))
    assert curve.floors() == ("ema",)
    with pytest.raises(ConfigError, match=r"floor: 'raw' is not known for s w8-d1 seed 0"):
        score(curve, 1e3, floor="raw")


def test_a_stream_is_a_sample_of_the_held_out_data_only_where_both_are_one_random_sample():
    assert curve_from(stored()).fresh
    assert curve_from(stored(row={"heldout_exchangeable": True})).fresh
    assert not curve_from(stored(row={"heldout_exchangeable": False})).fresh
    assert not curve_from(stored(row={"replays": 2})).fresh


def test_ragged_block_losses_are_refused_in_one_sentence():
    ragged = [[1.0, 2.0], [1.0], [1.0], [1.0], [1.0]]
    with pytest.raises(ConfigError, match="^heldout_block_losses_nats: expected numbers in an arr"):
        curve_from(stored(h={"heldout_block_losses_nats": ragged}))


def test_runs_of_one_member_are_those_whose_identity_is_equal_but_for_the_seed():
    one, other = (curve_from(stored(row={"member": name})) for name in ("ema5", "ema50"))
    assert one.member == curve_from(stored(row={"member": "ema5", "seed": 3})).member
    assert one.member != other.member
    old = curve_from(stored())  # rows of before name no member
    assert old.member == curve_from(stored(row={"seed": 3})).member


def test_a_teacher_that_waits_has_the_turns_of_the_record_points_that_are_its_own():
    generator = np.random.default_rng(4)
    blocks, finals = generator.random((2, 5, 8))
    finals[3] = blocks[3]  # it waits from the third point to the fourth and learns again
    teacher = {f"teacher_heldout{end}": 2.0 * LOSS for end in ("_loss_nats", "_raw_loss_nats")}
    for name in ("teacher_heldout", "teacher_heldout_raw"):
        teacher[f"{name}_loss_stderr"] = np.full(5, 0.01)
        teacher[f"{name}_block_losses_nats"] = blocks
        teacher[f"{name}_final_block_losses_nats"] = finals
    turns = np.array([0, 1, 2, 3, 4])
    run = stored(
        row={"estimator": "requential", "variants": ["switch", "ema_student"]},
        h={**teacher, "heldout_turn": turns, "teacher_tokens": 20 * np.array([0, 1, 2, 2, 3])},
    )
    found = curves_by_estimator(run)["prequential"](run)
    assert found.steps.tolist() == [0, 1, 2, 3]
    for losses in (found.ema, found.raw):
        assert losses is not None
        assert losses.turns is not None
        assert losses.turns.tolist() == [0, 1, 3, 4]
        np.testing.assert_array_equal(losses.finals_nats, finals[[0, 1, 3, 4]])
        np.testing.assert_array_equal(losses.blocks_nats, blocks[[0, 1, 3, 4]])
        # Two errors of the first batch and of the whole set, one of each turn between them.
        assert losses.subsets == 3
