"""`experiments`: list, run, check and page, and one line for bad input."""

import json

import pytest

from epiplexity_jax.experiments.definition import names
from epiplexity_jax.experiments.perform import run_experiment


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "store"
    run_experiment("rule_order", "smoke", folder)
    return folder


def test_list_names_all(call):
    called = call("experiments", "list", "--json")
    assert called.status == 0, called.err
    listed = json.loads(called.out)["experiments"]
    assert [one["name"] for one in listed] == names()
    assert all(name in call("experiments", "list").out for name in names())


def test_run_prints_checks_and_ends_well_whatever_they_are(call, trained):
    called = call("experiments", "run", "rule_order", "--size", "smoke", "--store", trained)
    assert called.status == 0
    assert f"result: {trained / 'experiment.json'}" in called.err
    assert "FAILS" in called.out
    assert called.out.endswith(
        "\nSize smoke is too small to show the expected signs: a check that fails here says "
        "nothing about them.\n"
    )


def test_a_folder_receives_a_file_named_after_the_experiment(call, trained, tmp_path):
    words = ("--size", "smoke", "--store", trained, "--result", tmp_path)
    called = call("experiments", "run", "3", *words)
    assert called.status == 0
    assert f"result: {tmp_path / 'rule_order.json'}\n" in called.err
    written = (tmp_path / "rule_order.json").read_bytes()
    assert written == (trained / "experiment.json").read_bytes()


def test_check_fails_where_a_sign_does_and_says_which(call, trained):
    words = ("experiments", "check", "rule_order", "--size", "smoke")
    for source in (("--store", trained), ("--result", trained / "experiment.json")):
        called = call(*words, *source)
        assert called.status == 1
        assert "fails: at some low budget S of rule 15 is above" in called.err


def test_check_passes_where_all_hold(call, trained, tmp_path):
    plain = json.loads((trained / "experiment.json").read_text(encoding="utf-8"))
    for check in plain["checks"]:
        check["holds"] = True
    path = tmp_path / "good.json"
    path.write_text(json.dumps(plain), encoding="utf-8")
    called = call("experiments", "check", "rule_order", "--result", path, "--json")
    assert (called.status, json.loads(called.out)["size"]) == (0, "smoke")


def test_page_writes_files(call, trained, tmp_path):
    called = call("experiments", "page", trained / "experiment.json", "-o", tmp_path / "pages")
    assert called.status == 0, called.err
    assert (tmp_path / "pages" / "index.md").exists()


def test_a_dry_run_trains_nothing(call, tmp_path):
    words = ("experiments", "run", "rule_order", "--size", "smoke", "--dry-run")
    called = call(*words, "--store", tmp_path / "none", "--json")
    assert called.status == 0, called.err
    assert json.loads(called.out)["plan"]["finished"] == 0


def test_a_dry_run_of_the_published_size_is_counted_and_not_timed_on_cpus(call, tmp_path):
    words = ("experiments", "run", "rule_order", "--size", "paper", "--dry-run")
    called = call(*words, "--store", tmp_path / "none", "--json")
    assert called.status == 0, called.err
    plan = json.loads(called.out)["plan"]
    assert (plan["runs"], "wall_seconds" in plan) == (3 * 12 * 3, False)
    called = call(*words, "--store", tmp_path / "none")
    assert (called.status, "is counted and not timed" in called.out) == (0, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "rule_ordre"), "NAME: unknown experiment 'rule_ordre'; did you mean"),
        (("run", "rule_order", "--size", "big"), "--size: unknown size 'big'"),
        (("run", "chess", "--size", "paper"), "lichess: no such file; download a month of rated"),
        (("run", "7", "--size", "paper", "--dry-run"), "lichess: no such file; download"),
        (("run", "natural", "--size", "paper"), "openwebtext: no such file; download"),
        (("check", "rule_order", "--store", "nowhere"), "nowhere"),
        (("check", "rule_order", "--result", "none.json"), "none.json: no such file"),
        (("check", "rule_order", "--store", "a", "--result", "b"), "--result: cannot be given"),
        (("page", "none.json"), "none.json: no such file"),
        (("run", "rule_order", "--result", "x.txt"), "--result: expected a .json file"),
        (("run", "rule_order", "--dry-run", "--result", "x.json"), "--result: a dry run has none"),
    ],
)
def test_bad_input_is_one_line(call, words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    called = call("experiments", *words)
    assert (called.status, called.out) == (2, "")
    assert called.err.count("\n") == 1
    assert said in called.err


@pytest.mark.parametrize("words", [("page",), ("check", "rule_order", "--result")], ids="".join)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"experiment": "lorenz"}, "endings: 'rule15' is no source of lorenz at size smoke; give"),
        ({"frontier": [1]}, "is no result of an experiment: frontier.0: expected keys and values"),
        (None, "nests too deep; give the file that `experiments run` wrote"),
    ],
    ids=["relabelled", "junk", "deep"],
)
def test_a_file_that_is_no_result_is_one_line(call, trained, tmp_path, words, change, said):
    plain = json.loads((trained / "experiment.json").read_text(encoding="utf-8"))
    text = "[" * 200_000 if change is None else json.dumps(plain | change)
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    called = call("experiments", *words, tmp_path / "x.json")
    assert (called.status, called.out) == (2, "")
    assert called.err.count("\n") == 1
    assert f"{tmp_path / 'x.json'}: {said}" in called.err


def test_a_run_into_the_store_of_another_experiment_is_one_line(call, trained):
    for words in (("pairs", "--size", "smoke"), ("rule_order", "--size", "small", "--dry-run")):
        called = call("experiments", "run", *words, "--store", trained)
        assert (called.status, called.out) == (2, "")
        assert called.err == (
            f"epiplexity-jax: error: {trained}: holds the experiment rule_order at size smoke; "
            "give another folder with --store\n"
        )


def test_a_result_of_another_experiment_is_refused(call, trained):
    called = call("experiments", "check", "life", "--result", trained / "experiment.json")
    assert called.status == 2
    assert "is of rule_order, not of life" in called.err


def test_a_result_has_the_size_that_is_asked_for(call, trained):
    words = ("experiments", "check", "rule_order", "--result", trained / "experiment.json")
    called = call(*words, "--size", "paper")
    assert called.status == 2
    assert "--size: " in called.err
