"""How many tokens should a slice of the batch hold, and how far is the default from the best?

Run: python benchmarks/slices.py  (about 12 minutes on two cores)

One member on every core, real engine programs on noise, milliseconds per member-step: wall time
over the member-steps that all cores finish together. Every way to cut the batch takes its turn;
medians of five. `default` is what the engine takes where the config does not say.
"""

import statistics
from typing import Any

from result import write
from stepping import Loop, in_turns, job_of

from epiplexity_jax.families import Mlp, Recurrent, Transformer
from epiplexity_jax.families.spec import Size
from epiplexity_jax.runtime import devices
from epiplexity_jax.sources import Noise

REPEATS = 5
TOKENS = (256, 512, 1024, 2048, 4096)
CASES = [
    # family, width, depth, vocabulary, length, batch
    *((Transformer(), width, 1, 96, 64, 64) for width in (8, 16, 32, 64, 128, 256)),
    (Transformer(), 32, 2, 96, 256, 64),
    (Transformer(), 64, 1, 4096, 64, 64),
    (Recurrent(), 32, 1, 96, 64, 64),
    (Recurrent(), 64, 2, 96, 256, 64),
    (Mlp(window=32), 32, 1, 96, 64, 64),
]


def measure(family: Any, width: int, depth: int, vocab: int, length: int, batch: int) -> dict:
    """One row: milliseconds by tokens of a slice."""
    source, size = Noise(vocab_size=vocab, length=length), Size.of(width=width, depth=depth)
    cuts = {t: t // length for t in (*TOKENS, batch * length) if t // length <= batch}
    loops = {t: Loop(job_of(source, family, size, batch, cut), 1.0) for t, cut in cuts.items()}
    times = in_turns(loops, REPEATS)
    middle = {t: statistics.median(each) for t, each in times.items()}
    row = {
        "family": family.kind,
        "size": str(size),
        "vocab_size": vocab,
        "length": length,
        "batch": batch,
        "ms_by_slice_tokens": {str(t): round(value, 2) for t, value in middle.items()},
        "whole_over_best": round(middle[batch * length] / min(middle.values()), 2),
    }
    print(row, flush=True)
    return row


def main() -> None:
    devices.one_device_per_core()
    rows = [measure(*case) for case in CASES]
    print(write("slices", rows=rows))


if __name__ == "__main__":
    main()
