import numpy as np
import pytest

from epiplexity_jax.analysis.laws.files import PointColumns, read_points
from epiplexity_jax.base.errors import ConfigError, DataError


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("params,train_tokens,loss", "1e6,2e7,3.5"),
        ("C,N,D,loss", "1.2e14,1e6,2e7,3.5"),
        ("C,N,loss", "1.2e14,1e6,3.5"),
        ("flops,train_tokens,loss", "1.2e14,2e7,3.5"),
        ("Model Size,Training FLOP,loss", "1e6,1.2e14,3.5"),
    ],
)
def test_two_of_parameters_tokens_and_compute_are_enough(tmp_path, header, row):
    points = read_points(write(tmp_path / "points.csv", f"{header}\n{row}\n"))
    assert (points.params[0], points.train_tokens[0]) == pytest.approx((1e6, 2e7))
    assert points.loss_nats.tolist() == [3.5]


def test_columns_rows_unit_and_runs_are_chosen(tmp_path):
    text = "size,tok,bits,who,kind\n1e3,1e4,2,b,x\n1e3,2e4,1,a,x\n1e3,3e4,1,a,y\n1e3,4e4,1,b,x\n"
    columns = PointColumns(
        params="size", tokens="tok", loss="bits", run="who", unit="bits", where=("kind=x",)
    )
    points = read_points(write(tmp_path / "points.csv", text), columns)
    assert points.train_tokens.tolist() == [1e4, 2e4, 4e4]
    assert points.loss_nats == pytest.approx(np.log(2) * np.array([2.0, 1.0, 1.0]))
    assert points.run.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("params,train_tokens,value\n1,2,3\n", "no column of losses among .*--loss-column"),
        ("params,loss\n1,2\n", "no column of train tokens among .*--tokens-column"),
        ("flops,loss\n1,2\n", "compute alone says neither parameters nor tokens"),
    ],
)
def test_a_missing_column_is_named(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        read_points(write(tmp_path / "points.csv", text))


def test_a_wrong_column_or_unit_is_refused_with_the_nearest(tmp_path):
    path = write(tmp_path / "points.csv", "params,train_tokens,loss\n1,2,3\n")
    with pytest.raises(ConfigError, match="unknown column 'los'; did you mean 'loss'"):
        read_points(path, PointColumns(loss="los"))
    with pytest.raises(ConfigError, match="--unit: unknown unit 'nat'; did you mean 'nats'"):
        PointColumns(unit="nat")


@pytest.mark.parametrize("cell", ["-1", "0", "", "many", "inf"])
def test_a_cell_that_is_no_positive_number_is_named_by_its_line(tmp_path, cell):
    path = write(tmp_path / "points.csv", f"params,train_tokens,loss\n1,2,3\n1,2,{cell}\n")
    with pytest.raises(DataError, match=r"points.csv: line 3"):
        read_points(path)
