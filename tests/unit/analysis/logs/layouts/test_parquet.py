import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epiplexity_jax.base.errors import DataError
from tests.unit.analysis.logs.files import VALUES, check, read


def parquet(columns):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def test_columns_of_plain_values(tmp_path):
    columns = {"_step": range(1, 41), "loss": VALUES, "list": [[1]] * 40, "val_loss": [None] * 40}
    check(read(tmp_path, parquet(columns), "history.parquet"))


def test_a_damaged_file(tmp_path):
    with pytest.raises(DataError, match=r"x.parquet: is a damaged Parquet file"):
        read(tmp_path, b"PAR1" + b"x" * 50, "x.parquet")
    with pytest.raises(DataError, match="has no rows of plain values"):
        read(tmp_path, parquet({"list": [[1]]}), "x.parquet")
