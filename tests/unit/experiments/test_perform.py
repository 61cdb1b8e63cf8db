"""Running an experiment, reading it from its store, and reading the file that it wrote."""

import json

import pytest

from epiplexity_jax.base.errors import ConfigError, DataError, StoreError
from epiplexity_jax.experiments.perform import (
    RESULT,
    folder_of,
    plan_experiment,
    read_experiment,
    read_result,
    run_experiment,
)


def test_the_result_is_in_the_store_and_where_it_was_asked_for(smoke):
    folder, result = smoke
    written = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    assert written == json.loads((folder.parent / "result.json").read_text(encoding="utf-8"))
    assert written["experiment"] == "rule_order"
    assert len(written["values"]) == len(result.findings.values)
    assert {row["source"] for row in written["frontier"]} == {"rule15", "rule30", "rule54"}
    assert written["command"] == "epiplexity-jax experiments run rule_order --size smoke"


def test_the_store_and_the_file_say_the_same(smoke):
    folder, result = smoke
    from_file = read_result(folder / RESULT)
    from_store = read_experiment("rule_order", "smoke", folder)
    assert from_file.findings.checks == result.findings.checks == from_store.findings.checks
    assert from_file.findings.values == result.findings.values


def test_test_tokens_are_those_of_the_sequences(smoke):
    _, result = smoke
    assert {row["test_tokens"] for row in result.rows} == {6.25e4 * 32}


def test_the_plan_counts_finished_runs(smoke):
    folder, _ = smoke
    summary = plan_experiment("rule_order", "smoke", folder).summary
    assert (summary["runs"], summary["finished"]) == (6, 6)


def test_another_experiments_store_is_refused(smoke):
    folder, _ = smoke
    with pytest.raises(ConfigError, match="another sweep than hard_induction at size smoke"):
        read_experiment("hard_induction", "smoke", folder)
    with pytest.raises(ConfigError, match="at size small: its family differ"):
        read_experiment("rule_order", "small", folder)
    with pytest.raises(StoreError):
        read_experiment("rule_order", "smoke", folder / "nothing")


def test_files_that_are_no_result_are_refused(smoke, tmp_path):
    folder, _ = smoke
    with pytest.raises(DataError, match="no such file"):
        read_result(tmp_path / "none.json")
    plain = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    del plain["checks"]
    (tmp_path / "cut.json").write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(DataError, match="is no result of an experiment: checks"):
        read_result(tmp_path / "cut.json")


def test_a_result_that_cannot_be_written_is_refused_in_one_line(smoke, tmp_path):
    folder, _ = smoke
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be written"):
        run_experiment("rule_order", "smoke", folder, file=tmp_path / "file" / "x.json")


def test_the_default_folder_has_name_and_size():
    assert folder_of("3", "small").as_posix() == "runs/experiments/rule_order-small"


@pytest.mark.parametrize(
    "change",
    [
        {"values": "abc"},
        {"values": []},
        {"checks": []},
        {"size": [1]},
        {"size": "huge"},
        {"endings": [{}]},
        {"endings": []},
        {"frontier": [{"source": "rule15"}]},
        {"frontier": ["junk"]},
        {"frontier": []},
        {"notes": [3]},
        {"versions": "x"},
        {"training_seconds": None},
        {"axis": 3},
        {"checks": [{"kind": "sign", "expected": "a", "found": "b", "holds": "no"}]},
        {"checks": [{"kind": "sign", "expected": "a", "found": "b", "holds": 0}]},
    ],
    ids=str,
)
def test_a_damaged_file_is_refused_in_one_line(smoke, tmp_path, change):
    folder, _ = smoke
    plain = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    (tmp_path / "x.json").write_text(json.dumps(plain | change), encoding="utf-8")
    with pytest.raises(DataError, match="is no result of an experiment") as raised:
        read_result(tmp_path / "x.json")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("part", "key", "junk"),
    [
        ("endings", "model", {"value": "junk", "low": None, "high": None}),
        ("endings", "model", {"junk": 1.0}),
        ("endings", "model", {}),
        ("endings", "status", "junk"),
        ("frontier", "epiplexity_bits", "junk"),
        ("frontier", "entropy_bits_interval", [1.0]),
        ("frontier", "junk", 1),
        ("values", "x", None),
        ("values", "low", 1e99),
        ("endings", "data", {"value": 1.0, "low": 2.0, "high": 1.0}),
        ("frontier", "mdl_bits_interval", [2.0, 1.0]),
        ("checks", "kind", "junk"),
    ],
)
def test_junk_in_a_row_is_refused_in_one_line(smoke, tmp_path, part, key, junk):
    folder, _ = smoke
    plain = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    plain[part][0][key] = junk
    (tmp_path / "x.json").write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(DataError, match=f"is no result of an experiment: {part}") as raised:
        read_result(tmp_path / "x.json")
    assert "\n" not in str(raised.value)


def test_a_result_with_the_values_of_another_experiment_is_refused(smoke, tmp_path):
    folder, _ = smoke
    plain = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    path = tmp_path / "x.json"
    path.write_text(json.dumps(plain | {"experiment": "lorenz"}), encoding="utf-8")
    with pytest.raises(DataError, match="endings: 'rule15' is no source of lorenz at size smoke"):
        read_result(path)
    for part in ("endings", "frontier"):
        cut = [row for row in plain[part] if row["source"] != "rule30"]
        path.write_text(json.dumps(plain | {part: cut}), encoding="utf-8")
        with pytest.raises(DataError, match=f"{part}: the source 'rule30' is missing"):
            read_result(path)


def test_names_that_are_given_twice_are_refused(smoke, tmp_path):
    folder, _ = smoke
    for part, key in (("values", "name"), ("endings", "source")):
        plain = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        name = plain[part][1][key] = plain[part][0][key]
        (tmp_path / "x.json").write_text(json.dumps(plain), encoding="utf-8")
        with pytest.raises(DataError, match=f"experiment: {part}: '{name}' is given twice$"):
            read_result(tmp_path / "x.json")


def test_a_result_that_nests_too_deep_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(DataError, match=r"x\.json: nests too deep; give the file that"):
        read_result(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("name", "size"), [("pairs", "smoke"), ("rule_order", "small"), ("rule_order_tuned", "smoke")]
)
def test_a_run_into_the_store_of_another_experiment_or_size_changes_nothing(smoke, name, size):
    folder, _ = smoke
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    said = f"{folder}: holds the experiment rule_order at size smoke; give another folder"
    for run in (run_experiment, plan_experiment):
        with pytest.raises(StoreError) as raised:
            run(name, size, folder)
        assert str(raised.value).startswith(said)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_file_that_cannot_be_written_is_refused_before_training(tmp_path):
    with pytest.raises(ConfigError, match="expected a .json file"):
        run_experiment("rule_order", "smoke", tmp_path / "store", file=tmp_path / "x.txt")
    assert not (tmp_path / "store").exists()


def test_a_result_at_the_published_size_is_read_again(paper, tmp_path):
    path = tmp_path / "paper.json"
    path.write_text(json.dumps(paper.to_plain()), encoding="utf-8")
    again = read_result(path)
    assert (again.size, again.findings) == ("paper", paper.findings)
