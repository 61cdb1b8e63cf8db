from pathlib import Path

import pytest

from epiplexity_jax.analysis.logs.content import Content
from epiplexity_jax.analysis.logs.layouts import delimited
from epiplexity_jax.base.errors import DataError
from tests.unit.analysis.logs.files import check, csv_text, read

CSV = csv_text()


@pytest.mark.parametrize(
    "text",
    [
        CSV,
        CSV.replace(",", ";"),
        CSV.replace(",", "\t"),
        CSV.replace(",", " "),
        CSV.replace(",", "    "),
        CSV.replace("\n", "\r\n"),
        "\ufeff" + CSV,
        CSV.encode("utf-16"),
        CSV.replace("\n", "\n\n"),
        "\n" + CSV,
        CSV.replace("step,loss", '"step","loss"'),
        "".join(f"{i - 1 if i else ''},{line}\n" for i, line in enumerate(CSV.splitlines())),
    ],
)
def test_tables_of_one_content_read_alike(tmp_path, text):
    check(read(tmp_path, text))


def test_lines_are_those_of_the_file():
    table = delimited.read(Content(Path(__file__), b'step,loss\n\n1,"4\n.5"\n2,3\n'))
    assert list(table.lines) == [4, 5]


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("step,loss\n1,4\n", True),
        ("step,loss\n", True),
        ("loss\n4\n3\n", True),
        ("step loss\n1 4\n", True),
        ("step 0, loss 4\nstep 1, loss 3\n", False),
        ("training began\nat noon\n", False),
        ("lr 1e-3, epochs 3\n", True),
        ("", False),
    ],
)
def test_what_looks_like_a_table(text, matches):
    assert delimited.matches(Content(Path(__file__), text.encode())) == matches


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Name,State,Runtime,iter,train/loss", "run-{0},finished,70{0},5000,1.{0}"),
        ("experimentKey,duration,step,loss", "ab{0},7{0},5000,1.{0}"),
    ],
)
def test_a_table_of_runs_is_no_curve(tmp_path, header, row):
    text = "\n".join([header, *(row.format(i) for i in range(6))])
    with pytest.raises(DataError, match="is a table of 6 runs, one a row, with last values only"):
        read(tmp_path, text)
