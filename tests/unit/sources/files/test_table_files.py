"""Columns of files of every layout: the same rows, places in messages, and what is refused."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.table_files import (
    choose_column,
    layout_of,
    read_column,
    table_files,
)

PACKED = gzip.compress(b'{"text": 1}', mtime=0)
TEXTS = ["one", 'two\n"quoted", and\u2028more', "", "vier — ä"]
ROWS = [{"id": k, "text": text, "ids": [k, k + 1], "score": 0.5} for k, text in enumerate(TEXTS)]


def write_csv(path, delimiter=","):
    cells = [["id", "text"], *([str(k), text] for k, text in enumerate(TEXTS))]
    quoted = (['"' + cell.replace('"', '""') + '"' for cell in row] for row in cells)
    path.write_bytes(b"\xef\xbb\xbf" + "".join(delimiter.join(r) + "\r\n" for r in quoted).encode())


def write_json_lines(path):
    path.write_text("".join(json.dumps(row) + "\n\n" for row in ROWS))


def write_stream(path):
    table = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_stream(path, table.schema) as sink:
        sink.write_table(table, max_chunksize=3)


def write_file(path):
    table = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_file(path, table.schema) as sink:
        sink.write_table(table, max_chunksize=3)


WRITERS = {
    "a.jsonl": write_json_lines,
    "a.json": lambda path: path.write_text(json.dumps(ROWS)),
    "lines.json": write_json_lines,
    "a.csv": write_csv,
    "a.tsv": lambda path: write_csv(path, "\t"),
    "a.parquet": lambda path: pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=3),
    "stream.arrow": write_stream,
    "file.arrow": write_file,
    "a.feather": write_file,
}


def complaint(call, *args):
    with pytest.raises(DataError) as caught:
        list(call(*args))
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", WRITERS)
def test_rows_are_those_that_were_written(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path)
    layout = layout_of(path)
    assert choose_column(path, layout, None) == ("text", False)
    assert [value for _, value in read_column(path, layout, "text")] == TEXTS
    if layout not in ("csv", "tsv"):
        assert [v for _, v in read_column(path, layout, "ids")] == [row["ids"] for row in ROWS]
        told = complaint(choose_column, path, layout, "score")
        assert told.startswith(
            f"{path}: column: score holds no text and no tokens; it has: id (tok"
        )
    told = complaint(choose_column, path, layout, "txt")
    assert told.startswith(f"{path}: column: unknown column 'txt'; did you mean 'text'?")
    assert "has no column 'txt'" in complaint(read_column, path, layout, "txt")
    if path.suffix in (".jsonl", ".csv", ".tsv"):
        packed = tmp_path / f"{name}.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        assert layout_of(packed) == layout
        assert [value for _, value in read_column(packed, layout, "text")] == TEXTS


def test_a_column_is_guessed_by_name_or_asked_for(tmp_path):
    path = tmp_path / "a.jsonl"
    for row, expected in [
        ({"content": "x"}, ("content", False)),
        ({"story": "x"}, ("story", True)),
        ({"story": "x", "score": 1.5}, ("story", True)),
        ({"input_ids": [1], "attention_mask": [1]}, ("input_ids", False)),
        ({"input_ids": [1], "text": "x"}, ("text", True)),
    ]:
        path.write_text(json.dumps(row))
        assert choose_column(path, "jsonl", None) == expected
    path.write_text(json.dumps({"question": "x", "answer": "y"}))
    told = complaint(choose_column, path, "jsonl", None)
    assert told == f"{path}: column: say which one; it has: question (text), answer (text)"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"text": \n', "line 2: is not JSON: Expecting value"),
        ("a.jsonl", b'{"text": "x"}\n[1]\n', "line 2: expected an object with a column, got [1]"),
        ("a.jsonl", b'{"text": "x"}\n{"txt": 1}\n', "line 2: has no column 'text'; it has txt"),
        ("a.json", b'[{"text": "x"},', "is not JSON: "),
        ("a.csv", b"text,b\nx,y\nz\n", "line 3: has another number of cells than its header"),
        ("a.csv", b"text\nx\xff\n", "is no CSV in UTF-8: "),
        ("a.parquet", b"PAR1" + b"\0" * 50, "is no whole Parquet file: "),
        ("a.parquet", b"x" * 50, "is no Parquet file, as its name says"),
        ("a.arrow", b"ARROW1" + b"\0" * 50, "is no whole Arrow file: "),
        ("a.xyz", b"nothing known", "is of no known layout; name it by its ending: .jsonl"),
        (
            "a.gz",
            gzip.compress(b'{"text": 1}', mtime=0),
            "name it by its ending, such as a.jsonl.gz",
        ),
        ("a.jsonl", b"", "is empty; there is nothing to measure"),
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    ],
)
def test_damaged_files_have_a_sentence_with_the_place(tmp_path, name, content, sentence):
    path = tmp_path / name
    path.write_bytes(content)

    def read():
        return list(read_column(path, layout_of(path), "text"))

    assert complaint(read).startswith(f"{path}: {sentence}")


def test_a_saved_data_set_names_its_files_and_splits(tmp_path):
    train = tmp_path / "data" / "train"
    train.mkdir(parents=True)
    for k in (1, 0):
        write_stream(train / f"data-0000{k}-of-00002.arrow")
    names = [f"data-0000{k}-of-00002.arrow" for k in range(2)]
    state = {"_data_files": [{"filename": name} for name in names]}
    (train / "state.json").write_text(json.dumps(state))
    (train / "cache-123.arrow").write_bytes(b"")
    (train / "dataset_info.json").write_text("{}")
    assert [path.name for path in table_files(str(train))] == names
    (tmp_path / "data" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    told = complaint(table_files, str(tmp_path / "data"))
    assert told.endswith(f"holds several splits; give one of {train}, {tmp_path / 'data' / 'test'}")
