"""Provenance of a report: machine, versions, time and FLOPs spent, commands, citations."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from epiplexity_jax._version import __version__
from epiplexity_jax.base.human import duration, join_words
from epiplexity_jax.pages.gather import Report, Stored
from epiplexity_jax.report.numbers import number

_COMMANDS = {"run", "measure", "rank", "launch"}
_SHOWN = ("jax", "flax", "optax", "numpy")

CITATION = f"""@article{{finzi2026epiplexity,
  title   = {{From Entropy to Epiplexity: Rethinking Information for Computationally Bounded
             Intelligence}},
  author  = {{Finzi, Marc and Qiu, Shikai and Jiang, Yiding and Izmailov, Pavel and Kolter, J. Zico
             and Wilson, Andrew Gordon}},
  journal = {{arXiv preprint arXiv:2601.03220}},
  year    = {{2026}}
}}

@software{{epiplexity_jax,
  title   = {{epiplexity-jax}},
  author  = {{{{The epiplexity-jax authors}}}},
  version = {{{__version__}}}
}}"""
"""BibTeX entries of the paper that defines the quantities, and of this package."""


def facts(report: Report) -> list[tuple[str, str]]:
    """Machine, versions, settings, time and FLOPs of every store, as pairs of term and text."""
    found: list[tuple[str, str]] = []
    for one in report.stores:
        name = f"{one.name}: " if len(report.stores) > 1 else ""
        found += [(f"{name}{term}", text) for term, text in _facts(one) if text]
    return found


def describe_sources(report: Report) -> list[tuple[str, str]]:
    """The kind of every source and its parameters, as its store's config has them."""
    found = []
    for one in report.stores:
        sources = one.given.get("sources") or {}
        for name in one.runs.sources:
            shown = next((n for n in report.frontiers if n in (name, f"{one.name}: {name}")), None)
            given = sources.get(name)
            if shown is not None and isinstance(given, Mapping) and given.get("kind"):
                found.append((shown, _described(given)))
    return found


def _described(given: Mapping[str, Any]) -> str:
    """A source's kind with its parameters; a source within it likewise."""
    parts = []
    for key, value in given.items():
        if isinstance(value, Mapping) and value.get("kind"):
            parts.append(f"{key} {_described(value)}")
        elif key != "kind" and value is not None and not isinstance(value, Mapping | list):
            parts.append(f"{key} {value}")
    return f"{given['kind']} ({', '.join(parts)})" if parts else str(given["kind"])


def _facts(store: Stored) -> list[tuple[str, str]]:
    rows, start = store.rows, store.starts[-1] if store.starts else {}
    members = [row for row in rows if row["role"] != "tuning"]
    tuning = [row for row in rows if row["role"] == "tuning"]
    if not members:  # it holds none of the sources that are shown
        return []
    first = members[0]
    spent = sum(map(_flops, members))
    text = f"{number(spent)} FLOPs of training"
    if tuning:
        text += f", and {number(sum(map(_flops, tuning)))} in {len(tuning)} runs of tuning"
    packages = start.get("packages") or {}
    shown = [f"{name} {packages[name]}" for name in _SHOWN if name in packages]
    heldout = sorted({row["heldout_split"] for row in members if row["heldout_split"]})
    return [
        ("store", str(store.runs.path)),
        ("code", f"{first['estimator']}, {first['variant']}, floor {first['floor']}"),
        ("held out", join_words(heldout) if heldout else "fresh sequences"),
        ("spent", text),
        ("time", f"{duration(sum(row['wall_seconds'] for row in rows))} of devices"),
        ("devices", str(start.get("devices", first["devices"]))),
        ("precision", str(start.get("compute_dtype", ""))),
        ("platform", str(start.get("platform", ""))),
        ("versions", ", ".join([f"epiplexity-jax {first['version']}", *shown])),
        ("Python", str(start.get("python", first["python_version"]))),
        ("revision", str(start.get("revision") or "")),
        ("flags", ", ".join(f"{k}={v}" for k, v in (start.get("flags") or {}).items())),
        ("started", _times([str(one.get("started", "")) for one in store.starts])),
    ]


def _flops(row: Mapping[str, Any]) -> float:
    """FLOPs by which a run was trained; those of scoring are not among them."""
    return float(row["train_flops_per_token"] * row["train_tokens"])


def _times(times: Sequence[str]) -> str:
    if len(times) < 2:
        return "".join(times)
    return f"{times[0]}, then {len(times) - 1} times more, the last {times[-1]}"


def report_words(
    path: object,
    compute: Sequence[float] | None,
    sources: Sequence[str] | None,
    options: Mapping[str, Any],
) -> list[str]:
    """Options of `report` as words of a command line.

    Args:
        path: the page's file; None: the default.
        compute: budgets.
        sources: names of sources.
        options: as for `Runs.frontier`.
    """
    procedure = options.get("procedure")
    pairs = [
        ("--test-tokens", options.get("test_tokens")),
        *(("--compute", budget) for budget in compute or ()),
        ("--variant", options.get("variant")),
        ("--floor", options.get("floor")),
        ("--estimator", options.get("estimator")),
        ("--frontier", None if procedure == "refined" else procedure),
        *(("--source", name) for name in sources or ()),
        ("-o", path),
    ]
    given = [(name, value) for name, value in pairs if value is not None]
    return [word for name, value in given for word in (name, _typed(value))]


def _typed(value: Any) -> str:
    """A value as a person would type it, without losing a digit."""
    if not isinstance(value, int | float):
        return str(value)
    text = f"{value:g}"
    return re.sub(r"e\+?0*", "e", text if float(text) == value else repr(value))


def commands(report: Report, options: Sequence[str]) -> list[str]:
    """Command lines that make the runs and the report again.

    Args:
        report: the report.
        options: those that the report was asked for with, beyond the stores.
    """
    lines = []
    for one in report.stores:
        path = shlex.quote(str(one.runs.path))
        again = f"runs/{one.name}-again"
        started = [list(map(str, start.get("arguments") or ())) for start in one.starts]
        asked = [words for words in started if words and words[0] in _COMMANDS]
        if asked:
            lines += ["# as it was started", f"epiplexity-jax {shlex.join(asked[-1])}"]
        if one.config:
            lines.append("# anew, from the config that the store keeps")
            lines.append(f"epiplexity-jax run {path}/sweep.yaml --store {shlex.quote(again)}")
    lines.append("# this page")
    paths = [str(one.runs.path) for one in report.stores]
    return [*lines, shlex.join(["epiplexity-jax", "report", *paths, *options])]
