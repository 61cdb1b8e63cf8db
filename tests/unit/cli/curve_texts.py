"""Texts of loss curves for the command `curve`."""

import math

import numpy as np

LN2 = math.log(2)
SIZES = ["--params", "1e6", "--test-tokens", "1e6"]
STEPS = [*SIZES, "--tokens-per-step", "1000"]
STEP = np.arange(40)
LOSSES = [round(float(v), 4) for v in 2.0 + 3.0 * (1 + 0.07 * STEP) ** -0.9]
AREA = (sum(LOSSES) - 40 * 2.7) * 1000 / LN2


def table(rows, header="step,loss"):
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


def by_steps(first=1, every=1):
    return [(first + every * i, loss) for i, loss in enumerate(LOSSES)]


def said(found):
    return " | ".join(found["warnings"])
