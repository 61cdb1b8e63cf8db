"""Sources as a command line names them: files by content, kinds by name, standard input."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from epiplexity_jax.base.config import Config, did_you_mean
from epiplexity_jax.base.errors import ConfigError, DataError, EpiplexityError
from epiplexity_jax.sources.files.paths import is_pattern
from epiplexity_jax.sources.files.recognise import READINGS, Reading, Recognised, recognise
from epiplexity_jax.sources.maps.shuffle import Shuffle
from epiplexity_jax.sources.opening import kinds, open_source, parse
from epiplexity_jax.sources.python.opened import opened
from epiplexity_jax.sources.spec import HostSource, Source
from epiplexity_jax.sources.split import HELDOUT_SHARE, MIN_HELDOUT
from epiplexity_jax.sources.synthetic.noise_markov import Noise

NOISE = "noise"
_LEAST_SEQUENCES = 4 * MIN_HELDOUT * HELDOUT_SHARE  # below which no answer is worth its time


class Asked(NamedTuple):
    """A source to measure.

    Attributes:
        name: its name.
        config: the source.
        words: its kind in words.
        source: the opened source.
    """

    name: str
    config: Config
    words: str
    source: Source

    @property
    def tokens(self) -> int | None:
        """Label tokens that it holds; None where it is drawn without end."""
        if not isinstance(self.source, HostSource):
            return None
        return self.source.sequences * self.source.info.label_tokens


def check_options(minutes: float, options: Mapping[str, Any]) -> None:
    """Refuse numbers and words of a question that are not allowed, before anything is read.

    Args:
        minutes: time that is there.
        options: the options of the question.

    Raises:
        ConfigError: naming the first.
    """
    budgets = options.get("budgets")
    if budgets is not None and not budgets:
        raise ConfigError("budgets: expected FLOPs such as [1e12, 1e13], got none")
    positive = [("minutes", minutes), ("test_tokens", options.get("test_tokens"))]
    positive += [("budgets", budget) for budget in budgets or ()]
    for name, value in positive:
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise ConfigError(f"{name}: must be a positive number, got {value:g}")
    length, seed, reading = (options.get(name) for name in ("length", "seed", "reading"))
    if length is not None and length < 1:
        raise ConfigError(f"length: must be at least 1, got {length}")
    if seed is not None and seed < 0:
        raise ConfigError(f"seed: must be at least 0, got {seed}")
    if reading is not None and reading not in READINGS:
        raise ConfigError(f"reading: {did_you_mean('reading', reading, READINGS)}")


def ask(
    named: Sequence[Any], length: int, reading: Reading | None = None, column: str | None = None
) -> list[Asked]:
    """Find out what each argument names, and open it.

    Args:
        named: paths, patterns and kinds of sources, or configs.
        length: L, tokens of a sequence.
        reading: reading of files that was asked for; None: by content.
        column: column of tables; None: by its name.

    Raises:
        ConfigError: when a kind needs parameters, or data is named twice.
        DataError: when a file is missing, damaged, or too small to say anything.
    """
    found: list[Asked] = []
    for one in named:
        recognised = _recognised(one, length, reading, column)
        name = _name(one, [other.name for other in found])
        try:
            source = open_source(recognised.config)
        except EpiplexityError as error:
            raise type(error)(str(error).replace("alphabet: bytes", "--as bytes")) from None
        asked = Asked(name, recognised.config, recognised.words, source)
        _check_enough(asked)
        _check_new(asked, found)
        found.append(asked)
    return found


def _recognised(one: Any, length: int, reading: Reading | None, column: str | None) -> Recognised:
    if isinstance(one, Config):
        return Recognised(one, f"kind {one.model_dump()['kind']}")
    if not isinstance(one, str | Path):
        return Recognised(opened(one), "a source of Python")
    known = {kind["kind"]: kind["parameters"] for kind in kinds()}
    text = str(one)
    if not text.strip():
        raise ConfigError("source: expected a file, a folder, or the name of a kind, got ''")
    if Path(text).exists() or is_pattern(text) or text not in known:
        if not Path(text).exists() and not is_pattern(text) and re.fullmatch(r"\w+", text):
            hint = did_you_mean("kind", text, known).partition("Known:")[0].partition(";")[2]
            hint = hint.strip() or "`epiplexity-jax sources` lists these"
            raise DataError(f"{text}: no such file or folder, and no kind of source; {hint}")
        return recognise(text, length, reading, column)
    needed = [parameter["name"] for parameter in known[text] if parameter["required"]]
    if needed:
        raise ConfigError(
            f"{text}: needs {', '.join(needed)}; write a config and use epiplexity-jax run"
        )
    given: Mapping[str, Any] = {"kind": text}
    if any(parameter["name"] == "length" for parameter in known[text]):
        given = {**given, "length": length}
    return Recognised(parse(given, text), f"built-in kind {text}")


def _name(one: Any, taken: Sequence[str]) -> str:
    """Make a short name that no other source has."""
    text = one.model_dump()["kind"] if isinstance(one, Config) else str(one)
    path = Path(text)
    stem = re.sub(r"[^\w.-]+", "-", path.name or path.parent.name or "source").strip("-")
    stem = stem[:24] or "source"
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return name


def _check_new(asked: Asked, others: Sequence[Asked]) -> None:
    """Refuse data that was named already.

    Raises:
        ConfigError: with the name of the other.
    """
    for other in others:
        if other.source.info.fingerprint == asked.source.info.fingerprint:
            raise ConfigError(
                f"{asked.name}: is the same data as {other.name}; name each source once"
            )


def _check_enough(asked: Asked) -> None:
    """Refuse a source that is too small to say anything.

    Raises:
        DataError: with the number of tokens that would be needed.
    """
    if asked.tokens is None or not isinstance(asked.source, HostSource):
        return
    info = asked.source.info
    needed = _LEAST_SEQUENCES * info.label_tokens
    if asked.tokens < needed:
        raise DataError(
            f"{asked.name}: holds {asked.tokens:,} tokens, too few to say anything; at least "
            f"{needed:,} are needed ({_LEAST_SEQUENCES} sequences of {info.length})"
        )


def controls(asked: Sequence[Asked]) -> dict[str, Config]:
    """Noise over the first alphabet, and each finite source in shuffled order.

    Args:
        asked: the sources.

    Returns:
        Configs by name; names begin with the source's.
    """
    found: dict[str, Config] = {}
    for one in asked:
        info = one.source.info
        if isinstance(one.source, HostSource) and info.features is None and info.label_mask.all():
            found[f"{one.name}, shuffled"] = Shuffle(source=one.config, scope="corpus")
    if not any(one.config.model_dump()["kind"] == NOISE for one in asked):
        info = next((one.source.info for one in asked if one.source.info.features is None), None)
        if info is not None:
            found[NOISE] = Noise(vocab_size=info.vocab_size, length=info.length)
    return found
