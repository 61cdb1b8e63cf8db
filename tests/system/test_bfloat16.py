"""The dtype of accelerators, through the engine, against the same sweep in float32."""

import numpy as np
import pytest

import epiplexity_jax as epx

# Measured on a CPU: 1e-5 of the loss and 1.4e-4 of the model length, rounding of activations.
LOSS, BITS = 1e-4, 1e-3


def trained(folder, dtype):
    runs = epx.run(
        epx.sources.Markov(vocab_size=8, length=32),
        epx.families.Transformer(widths=(16, 32), depths=(1,), seeds=2),
        recipe="fixed",
        store=folder / dtype,
        training=epx.Training(steps=150, batch_size=16, warmup_steps=20, compute_dtype=dtype),
        heldout=epx.Heldout(tokens=20_000),
    )
    return runs.rows(1e6)


@pytest.mark.slow
@pytest.mark.as_users
def test_bfloat16_learns_what_float32_learns(tmp_path):
    rounded, exact = (trained(tmp_path, dtype) for dtype in ("bfloat16", "float32"))
    assert len(rounded) == len(exact) == 4
    assert all(row["heldout_loss_nats"] < np.log(8) - 0.1 for row in exact)
    for key, tolerance in (("heldout_loss_nats", LOSS), ("model_bits", BITS), ("data_bits", LOSS)):
        ours, theirs = (np.array([row[key] for row in rows]) for rows in (rounded, exact))
        assert (ours != theirs).any()
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, err_msg=key)
