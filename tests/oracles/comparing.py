"""The lengths of a stored sweep by the package against those of the plain NumPy program."""

from pathlib import Path

import numpy as np

import epiplexity_jax as epx
from tests.oracles import plain


def assert_lengths_are_plain(runs: epx.Runs, stored: Path, test_tokens: float) -> None:
    """Compare S, its certified length, H and T of every member at every record point.

    Args:
        runs: the sweep as the package reads it.
        stored: its store.
        test_tokens: label tokens of the dataset.
    """
    for source in runs.sources:
        found = runs.frontier(test_tokens, source, variant="switch")
        members = plain.read(stored, source)
        shift = plain.correction([run for seeds in members.values() for run in seeds])
        expected = [plain.member(seeds, shift, test_tokens) for seeds in members.values()]
        assert len(found.all_members) == len(expected)
        for member, reference in zip(found.all_members, expected, strict=True):
            for values, name in (
                (member.time_flops, "time"),
                (member.model_bits, "model"),
                (member.data_bits, "data"),
                (member.certified_bits, "certified"),
            ):
                np.testing.assert_allclose(values, reference[name], rtol=1e-12, atol=1e-7)
