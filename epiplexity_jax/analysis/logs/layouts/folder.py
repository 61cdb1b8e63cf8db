"""Folders that training programs write: event files, files of one metric, or one known log."""

from dataclasses import replace
from pathlib import Path

from epiplexity_jax.analysis.logs.content import Content, open_content
from epiplexity_jax.analysis.logs.layouts import delimited, json_text, one_metric, tensorboard
from epiplexity_jax.analysis.logs.table import LogTable
from epiplexity_jax.base.errors import DataError

_KNOWN = (
    *("trainer_state.json", "log_history.json", "trainer_log.jsonl", "metrics.csv"),
    *("metrics.jsonl", "history.csv", "loss.csv", "log.csv"),
)
_SHOWN = 6


def matches(content: Content) -> bool:
    """Return whether a path is a folder."""
    return content.is_folder


def read(content: Content) -> LogTable:
    """The table of what a folder holds.

    Raises:
        DataError: when it holds several logs or none.
    """
    folder, file = content.path, content.name
    if (folder / "runs.parquet").is_file():
        raise DataError(
            f"{file}: is a store of runs; give a curve of epiplexity-jax runs {folder} "
            "--export-curve RUN, or ask epiplexity-jax frontier"
        )
    if events := tensorboard.event_files(folder):
        return tensorboard.read_folder(content, events)
    logs = _logs(folder)
    if not logs and (metrics := one_metric.metric_files(folder)):
        return one_metric.read_folder(content, metrics)
    if len(logs) != 1:
        held = sorted(path.name for path in folder.iterdir())[:_SHOWN]
        fault = (
            f"holds several logs ({', '.join(str(p.relative_to(folder)) for p in logs[:_SHOWN])})"
            if logs
            else f"is a folder without a log that is known ({', '.join(held) or 'it is empty'})"
        )
        raise DataError(f"{file}: {fault}; give the file with the losses")
    one = open_content(logs[0])
    table = json_text.read(one) if json_text.matches(one) else delimited.read(one)
    return replace(table, notes=(*table.notes, f"read from {logs[0].relative_to(folder)}"))


def _logs(folder: Path) -> list[Path]:
    """Known logs of a folder; of a trainer's checkpoints the last one's."""
    here = [folder / name for name in _KNOWN if (folder / name).is_file()]
    if here:
        return here
    states = folder.glob("checkpoint-*/trainer_state.json")
    numbered = [path for path in states if path.parent.name.rpartition("-")[2].isdigit()]
    if numbered:
        return [max(numbered, key=lambda path: int(path.parent.name.rpartition("-")[2]))]
    return sorted(folder.glob("**/version_*/metrics.csv"))
