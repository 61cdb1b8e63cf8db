"""Rows and histories as bytes of Parquet files."""

import io
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epiplexity_jax.base.columns import OwnColumn
from epiplexity_jax.store import Store
from epiplexity_jax.store.parquet import Damaged, decode_history, decode_index, encode_history
from epiplexity_jax.store.schema import RUNS
from tests.unit.store.stored import make_history, make_row

BLOCKS = "heldout_block_losses_nats"


def as_bytes(table):
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def ragged(content):
    """A history as another program may write it: more blocks at one record point than at others."""
    table = pq.read_table(io.BytesIO(content))
    blocks = table[BLOCKS].to_pylist()
    place = table.column_names.index(BLOCKS)
    column = pa.array([blocks[0][:-1], *blocks[1:]], table.schema.field(BLOCKS).type)
    return as_bytes(table.set_column(place, table.schema.field(BLOCKS), column))


def test_ragged_block_losses_are_damage():
    content = encode_history(make_row(), make_history())
    assert decode_history(content)[0] == make_row()
    with pytest.raises(Damaged):
        decode_history(ragged(content))


def test_a_store_with_ragged_block_losses_names_the_file(tmp_path):
    store = Store.open(tmp_path, create=True)
    store.commit(make_row("a"), make_history())
    file = tmp_path / "histories" / "a.parquet"
    file.write_bytes(ragged(file.read_bytes()))
    again = Store.open(tmp_path)
    assert again.finished() == {}
    assert again.warnings == [f"{file}: is damaged; its run counts as not done"]


def test_a_row_of_an_older_version_has_every_column():
    row = make_row()
    newer = {"member", "identity", "layout"}
    content = encode_history({k: v for k, v in row.items() if k not in newer}, make_history())
    assert list(decode_history(content)[0]) == [column.name for column in RUNS]


def test_a_table_without_the_columns_of_the_index_is_no_index():
    with pytest.raises(Damaged):
        decode_index(as_bytes(pa.table({"run_id": ["a"], "current": [True]})))


@pytest.mark.parametrize("text", [b'"params": 100', b"label_tokens", b"kl_sum_nats"])
def test_a_footer_that_says_something_else_is_damage(text):
    """Page checksums leave it out: numbers of the row, names of required and of null columns."""
    kl = (OwnColumn("kl_sum_nats", "nats", "sum of KL"),)
    content = encode_history(make_row("a", params=100), make_history(), kl)
    decode_history(content)
    places = [found.end() - 1 for found in re.finditer(re.escape(text), content)]
    assert places
    changed = bytearray(content)
    for place in places:
        changed[place] ^= 1
    with pytest.raises(Damaged):
        decode_history(bytes(changed))
