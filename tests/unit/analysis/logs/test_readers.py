import pytest

from epiplexity_jax.analysis.logs import readers
from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.reading import read_curve
from epiplexity_jax.analysis.logs.table import LogTable
from epiplexity_jax.base.errors import DataError, EpiplexityError


@pytest.fixture
def read(tmp_path):
    """Read a text as a file, with options of the layout."""

    def call(text, floor_known=False, **options):
        path = tmp_path / "loss.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_curve(path, Layout(**options), floor_known)

    return call


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("tokens,loss\n", "a header and no rows"),
        ("1,2\n2,3\n", "line 1: holds numbers; a header"),
        ("tokens,loss\n1,4\n2,abc\n3,2\n", "line 3: 'abc' in 'loss' is not a number"),
        ("tokens,loss\n1,4\n2,nan\n3,2\n", "line 3: loss nan is not finite"),
        ("tokens,loss\n1,4\n2,-inf\n3,2\n", "line 3: loss -inf is not finite"),
        ("tokens,loss\n1,4\n2,3\n2,2\n", "from line 3 to line 4"),
        ("tokens,loss\n1,4\n2,-3\n3,2\n", "line 3: loss -3 is negative"),
        ("tokens,loss\n1,4\n2,3\n", "has 2 rows with a loss"),
        ("tokens,loss\n1,4\n,3\n3,2\n", "line 3: a loss, but nothing in 'tokens'"),
        ("tokens,loss\n1,4\n2,3,5\n", "line 3: has 3 cells, the header has 2"),
        ("tokens,loss,loss\n1,4,4\n", "two columns are named 'loss'"),
        ('tokens,loss\n1,"4\n', "line 2: is no CSV"),
        ("tokens,loss,val_loss\n1,4,1\n2,3,-1\n3,2,\n", "line 3: 'val_loss' is -1, no log loss"),
        ("tokens,loss\n0.5,4\n1,3\n1.5,2\n", "line 2: tokens 0.5 is no whole number"),
        (b"\x0a\x00\x01brain.Event:2", "is no text"),
        ("loss\xe9".encode("latin-1"), "is no text"),
        ('{"log_history": []}', "its log_history is empty"),
        ('{"log_history": [{"step": 1, "loss": 1}]}', "counts steps"),
        ('[{"tokens": 1, "loss": 2}]', "has 1 rows"),
        ("[1, 2]", "one JSON document without named values"),
        ('{"tokens": 1, "loss": 2}\n{"tokens": 2, "lo', "line 2: is not JSON"),
        ('{"tokens": 1, "loss": 2}\n7\n', "line 2: is JSON but no object"),
        ('{"tokens": 1, "loss": true}\n', "line 1: True in 'loss' is not a number"),
        (
            '{"tokens": 1, "loss": 9}\n{"tokens": 2, "loss": NaN}\n{"tokens": 3, "loss": 1}',
            "line 2",
        ),
        ('{"a":' * 5000, "line 1: is not JSON"),
    ],
)
def test_files_that_hold_no_curve(read, text, said):
    with pytest.raises(EpiplexityError, match=said):
        read(text)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_curve(tmp_path / "x.csv")
    with pytest.raises(DataError, match="is a folder without a log that is known"):
        read_curve(tmp_path)


def test_a_reader_of_ones_own_is_tried_first(monkeypatch, tmp_path):
    def read(content):
        return LogTable.of_rows([(1, {"step": content.text.count("x")})])

    own = readers.Reader(lambda content: content.text.startswith("x"), read)
    monkeypatch.setattr(readers, "READERS", [own, *readers.READERS])
    (tmp_path / "log").write_text("xxx")
    assert readers.read_table(tmp_path / "log").columns == {"step": [3]}
    (tmp_path / "csv").write_text("step,loss\n1,2\n")
    assert readers.read_table(tmp_path / "csv").columns == {"step": ["1"], "loss": ["2"]}
