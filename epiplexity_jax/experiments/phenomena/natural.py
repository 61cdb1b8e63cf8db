"""Natural data compared, between noise and a cipher (Finzi et al. 2026, Fig. 8a)."""

from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.experiments.measured import Measured, Part
from epiplexity_jax.report.numbers import number

_NAMES = {
    "text": "text",
    "shuffled": "text, shuffled",
    "base64": "text in base64",
    "bytecode": "bytecode",
    "machine_code": "machine code",
    "headers": "C++ headers",
    "web": "web pages",
    "board_first": "chess, board first",
    "moves_first": "chess, moves first",
    "pictures": "grey pictures",
    "noise": "noise",
    "cipher": "cipher",
}
_BYTES = {"base64": 0.75}  # of the original per token; else one
_OF_NO_BYTES = ("bytecode", "pictures")  # made from bytes of another kind, and of another number
_PARTS: tuple[tuple[Part, str, str], ...] = (
    ("model", "S", "Epiplexity"),
    ("data", "H", "Entropy"),
    ("mdl", "MDL", "Two-part code"),
)
_ENDS = ("noise", "cipher")
_NOTHING = 0.01  # of the largest S, below which a resolution must lie


def read(measured: Measured) -> Findings:
    """Read S, H and their sum of every source, in total, per token and per original byte.

    Args:
        measured: the runs; sources are those of the experiment's three sizes.
    """
    found = Findings("data")
    for source in measured.sources:
        name = _NAMES[source]
        found.add(f"S of {name}", measured.bits(source, "model"), "bits", "Epiplexity", x=name)
        for part, letter, title in _PARTS:
            token = measured.per_sequence(source, part).scaled(1.0 / measured.labels(source))
            panel = f"{title} per token"
            found.add(f"{letter} of {name}, per token", token, "bits per token", panel, x=name)
            if source in _OF_NO_BYTES:
                continue
            byte, panel = _per_byte(measured, source, part), f"{title} per original byte"
            found.add(f"{letter} of {name}, per byte", byte, "bits per byte", panel, x=name)
    for source in filter(measured.sources.__contains__, _ENDS):
        _nothing(found, measured, source)
    if "text" in measured.sources:
        _text(found, measured)
    if {"web", "pictures"} <= set(measured.sources):
        web, pictures = (measured.bits(name, "model") for name in ("web", "pictures"))
        expected = "S of web pages is greater than that of as many pixels of grey pictures"
        found.greater(expected, web, pictures)
    return found


def _nothing(found: Findings, measured: Measured, source: str) -> None:
    """Add the check that a source without structure teaches nothing, as far as that is resolved."""
    one = measured.at(source, measured.largest(source))
    largest = max(measured.bits(name, "model").value for name in measured.sources)
    resolution = one.resolution_bits
    resolved = resolution is not None and resolution < _NOTHING * largest
    fine = one.status == ResultStatus.BELOW_RESOLUTION and resolved
    holds = None if one.status != ResultStatus.OK else False
    found.check(
        "oracle",
        f"{_NAMES[source]} teaches nothing: no S, or none beyond 1 % of the largest of a source",
        f"{one.status}, S {number(one.epiplexity_bits)} bits, resolved to "
        f"{number(resolution)}, the largest {number(largest)}",
        True if one.status == ResultStatus.UNTRAINED or fine else holds,
    )


def _per_byte(measured: Measured, source: str, part: Part) -> Estimate:
    """Length of a part of the code in bits per byte of the original data.

    Args:
        measured: the runs.
        source: name of the source.
        part: part of the code.
    """
    original = measured.labels(source) * _BYTES.get(source, 1.0)
    return measured.per_sequence(source, part).scaled(1.0 / original)


def _text(found: Findings, measured: Measured) -> None:
    """Add the checks on what was made of text, and on what costs more than it."""
    text, structure = measured.per_sequence("text", "data"), measured.bits("text", "model")
    found.greater("text has structure: S is above 0", structure, 0.0)
    if "shuffled" in measured.sources:
        shuffled = measured.bits("shuffled", "model")
        found.greater("text has more structure than its characters, shuffled", structure, shuffled)
        shuffled = measured.per_sequence("shuffled", "data")
        found.greater("shuffled text has the greater entropy", shuffled, text)
    dearer: tuple[tuple[str, Part, str], ...] = (
        ("machine_code", "data", "a byte of machine code has a greater entropy than one of text"),
        ("base64", "mdl", "per original byte, base64 of text has the longer code"),
    )
    for source, part, expected in dearer:
        if source in measured.sources:
            _costs_more(found, measured, source, part, expected)


def _costs_more(
    found: Findings, measured: Measured, source: str, part: Part, expected: str
) -> None:
    """Add the check that a byte of a source costs more than one of text, where both are learnt.

    An untrained model pays more for it too, as text has the smaller alphabet.

    Args:
        found: receives the check.
        measured: the runs.
        source: the source that is expected to cost more.
        part: part of the code.
        expected: the statement.
    """
    more, less = (_per_byte(measured, name, part) for name in (source, "text"))
    if all(measured.bits(name, "model").above(0.0) for name in (source, "text")):
        found.greater(expected, more, less)
    else:
        first, second = (_NAMES[source], more), ("bits per byte of text", less)
        found.withhold(expected, "not both are learnt", first, second)
