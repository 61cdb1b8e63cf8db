"""One curve in the layouts of other programs, and how it is read."""

import json

import numpy as np

from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.reading import read_curve

COUNT, PER_STEP, FLOOR = 40, 1000, 2.7
# 5 (1 + 0.04 s)^-0.4: the losses of batches 0 to 39, with four digits as logs have them.
LOSSES = [f"{2.0 + 3.0 * (1 + 0.07 * s) ** -0.9:.4f}" for s in range(COUNT)]
VALUES = [float(loss) for loss in LOSSES]
SUM = sum(VALUES) * PER_STEP


def pairs(first=0):
    """Steps from a first one on, each with its loss."""
    return [(i + first, loss) for i, loss in enumerate(LOSSES)]


def csv_text(header="step,loss", first=0):
    return header + "\n" + "".join(f"{s},{loss}\n" for s, loss in pairs(first))


def lines_of(*rows):
    return "\n".join(json.dumps(row) for row in rows) + "\n"


def read(folder, text, name="log.txt", floor_known=False, **options):
    """The curve of a text or of bytes, written to a folder."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    options = {"tokens_per_step": PER_STEP} | options
    return read_curve(path, Layout(**options), floor_known)


def check(curve):
    """Assert that a curve is that of all batches."""
    assert curve.label_tokens.tolist() == [PER_STEP * (i + 1) for i in range(COUNT)]
    assert np.allclose(curve.losses_nats, VALUES, rtol=1e-12)
    assert abs(curve.online_sum_nats / SUM - 1) < 1e-12
