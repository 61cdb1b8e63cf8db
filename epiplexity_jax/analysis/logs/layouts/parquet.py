"""Parquet files of a table, such as an exported history."""

from epiplexity_jax.analysis.logs.content import Content
from epiplexity_jax.analysis.logs.table import LogTable
from epiplexity_jax.base.errors import DataError


def matches(content: Content) -> bool:
    """Return whether bytes are those of a Parquet file."""
    return content.data.startswith(b"PAR1")


def read(content: Content) -> LogTable:
    """The columns of plain values.

    Raises:
        DataError: when the file is damaged or has no rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = pq.read_table(pa.BufferReader(content.data))
    except (pa.ArrowException, OSError):
        raise DataError(f"{content.name}: is a damaged Parquet file; copy it again") from None
    columns = {
        name: found.column(name).to_pylist()
        for name in found.column_names
        if not pa.types.is_nested(found.schema.field(name).type)
    }
    if not found.num_rows or not columns:
        raise DataError(f"{content.name}: has no rows of plain values")
    return LogTable(columns, range(1, found.num_rows + 1), layout="Parquet", place="row")
