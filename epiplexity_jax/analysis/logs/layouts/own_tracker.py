"""The file `metrics.jsonl` of our own tracker: events of several runs, each with the run's id."""

from epiplexity_jax.analysis.logs.table import Hints, LogTable

_COLUMNS = {"id", "event", "step", "online_loss_bits"}


def named(table: LogTable) -> LogTable:
    """The rows of record points, with the run's name in a column; another table as it is.

    The first row of a run holds its name and config, the last its summary.
    """
    if not set(table.names) >= _COLUMNS:
        return table
    columns = table.columns
    names = {
        run: name
        for run, name in zip(columns["id"], columns.get("name", ()), strict=False)
        if name is not None
    }
    kept = [i for i, event in enumerate(columns["event"]) if event == "log"]
    rows = []
    for i in kept:
        cells = {name: columns[name][i] for name in table.names if columns[name][i] is not None}
        if "online_loss_bits" in cells or "heldout_loss_bits" in cells:
            run = names.get(cells["id"], cells["id"])
            rows.append((table.lines[i], {"run": run} | cells))
    return LogTable.of_rows(
        rows, layout="metrics.jsonl of a store", hints=Hints(kind="means", first_step=1)
    )
