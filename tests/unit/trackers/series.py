"""Two series that tests of sinks log side by side."""

from epiplexity_jax.trackers import Series, open_tracker

CONFIG = {"source": "text", "size": "width 8 depth 1", "learning_rate": 0.03, "seed": 0}
ONE = Series("0123456789abcdef", "text-seed-0-01234567", "store", CONFIG)
TWO = Series("fedcba9876543210", "text-seed-1-fedcba98", "store", CONFIG | {"seed": 1})
SUMMARY = {"status": "finished", "message": "", "model_bits": 12.5, "data_bits": None}


def track(config, store, last, ends=False):
    """Two series side by side up to a step, from their first."""
    sink = open_tracker(config)
    sink.start(store)
    for step in range(last + 1):
        for series in (ONE, TWO):
            sink.log(series, step, {"heldout_loss_bits": 8.0 - step, "train_tokens": 36.0 * step})
    if ends:
        sink.finish(ONE, SUMMARY)
    sink.close()
