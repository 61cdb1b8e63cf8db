"""`scaling-law`: laws as tables of 80 columns or JSON, and one line for what is wrong."""

from pathlib import Path

import pytest

from tests.unit.cli.documents import only_json

DATA = Path(__file__).parents[2] / "data" / "laws"
PLAIN = ("--alpha", "0.34", "--beta", "0.28", "--irreducible", "1.7", "--test-tokens", "1e12")
COMPUTE = (
    *("--gamma", "0.19", "--delta", "0.64", "--c0", "1.8e-8", "--c-star", "5.3e-14"),
    *("--n0", "80", "--irreducible", "3.13"),
)


def narrow(text):
    return max(map(len, text.splitlines())) <= 80


def test_without_arguments_every_published_law_is_listed(call):
    called = call("scaling-law")
    assert called.status == 0
    assert narrow(called.out)
    assert "language_chinchilla  0.339  0.285" in called.out
    assert len(only_json(call("scaling-law", "--json"))["scaling_laws"]) == 8


def test_published_laws_at_budgets(call, tmp_path):
    names = ("language_chinchilla", "language_refitted")
    called = call("scaling-law", *names, "--compute", "1e24", "--figure", tmp_path / "x.svg")
    assert called.status == 0
    assert narrow(called.out)
    assert called.out.count("no limit") == 4
    assert (tmp_path / "x.svg").is_file()
    rows = only_json(call("scaling-law", *names, "--compute", "1e24", "--json"))["scaling_laws"]
    bits = [row["answers"][0]["epiplexity_bits"] for row in rows]
    assert bits[0] == pytest.approx(6.97683e10, rel=1e-5)
    assert 0.7 < bits[1] / bits[0] < 0.8
    assert rows[0]["limit"]["compute_flops"] is None


@pytest.mark.parametrize(
    "form",
    [
        ("--n0", "4.9e7", "--d0", "1.5e9"),
        ("--a", "411.9", "--b", "371.1"),
        ("--n0", "4.9e7", "--b", "371.1"),
    ],
)
def test_a_law_by_its_parameters(call, form):
    (row,) = only_json(call("scaling-law", *PLAIN, *form, "--json"))["scaling_laws"]
    assert row["law"]["d0"] == pytest.approx(1.5e9, rel=0.02)
    assert row["law"]["n0"] == pytest.approx(4.9e7, rel=0.02)
    assert row["answers"]


def test_a_law_over_compute_with_embeddings(call):
    options = ("--context", "192", "--vocab-size", "256", "--test-tokens", "1e12", "--json")
    (row,) = only_json(call("scaling-law", *COMPUTE, *options))["scaling_laws"]
    assert row["law"]["beta"] == pytest.approx(0.5659, abs=1e-4)
    (bare,) = only_json(call("scaling-law", *COMPUTE, "--json"))["scaling_laws"]
    assert bare["law"]["beta"] == pytest.approx(0.528, abs=1e-3)


def test_a_fit_shows_what_its_points_decide(call):
    options = ("--drop-highest", "5", "--draws", "4", "--test-tokens", "1e12")
    called = call("scaling-law", "--fit", DATA / "chinchilla.csv", *options)
    assert called.status == 0
    assert narrow(called.out)
    assert "with the 5 dropped" in called.out
    assert "240 runs of 41 sizes" in called.out
    without = call("scaling-law", "--fit", DATA / "chinchilla.csv", "--draws", "0")
    assert without.err == "note: without --test-tokens there is no S_T and H_T\n"


def test_a_fit_to_some_rows_of_a_table(call):
    options = ("--where", "dataset=rpj", "--loss-column", "loss_c4_val", "--draws", "0", "--json")
    (row,) = only_json(call("scaling-law", "--fit", DATA / "open_lm.csv", *options))["scaling_laws"]
    assert row["fit"]["points"] == 35
    assert row["law"]["beta"] == pytest.approx(0.2730, abs=1e-3)
    assert row["answers"] == []


def test_a_fit_to_a_store(call, law_store):
    called = call("scaling-law", "--fit", law_store, "--draws", "5")
    assert called.status == 0, called.err
    assert narrow(called.out)
    assert "text: L = " in called.out


def test_a_fitted_frontier_prints_its_law_beside_it(call, law_store):
    called = call("frontier", law_store, "--frontier", "fitted", "--compute", "1e11")
    assert called.status == 0, called.err
    assert "closed form" in called.out
    assert "ok T*" in called.out or "ok N*" in called.out
    assert "T* a budget beyond the runs" in " ".join(called.out.split())
    assert "a law was fitted to" in called.err
    document = only_json(call("frontier", law_store, "--frontier", "fitted", "--json"))
    assert set(document) == {"frontier", "laws", "store", "version"}
    (law,) = document["laws"]
    assert (law["source"], len(law["areas"])) == ("text", 3)
    assert {row["procedure"] for row in document["frontier"]} == {"fitted"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("imagee_8x8",), "unknown law 'imagee_8x8'"),
        (("--alpha", "0.3"), "--beta: is needed with --alpha"),
        ((*PLAIN, "--n0", "1", "--d0", "1", "--gamma", "1"), "--c0: is needed with"),
        ((*COMPUTE, "--d0", "1e9"), "--d0: does not go with --c0"),
        ((*COMPUTE, "--context", "4"), "--context: must be at least 1, and needs --vocab-size"),
        ((*PLAIN, "--n0", "-1", "--d0", "1"), "--n0: must be a positive number, got -1"),
        ((*PLAIN, "--a", "1e300", "--d0", "1"), "--a: 1e+300 with the exponent 0.34 is beyond"),
        (("image_8x8", "--fit", "x.csv"), "--fit: cannot be given together with LAW"),
        (("image_8x8", "--drop-highest", "3"), "--drop-highest: goes with --fit only"),
        (("image_8x8", "--compute", "0"), "--compute: must be a positive number"),
        (("image_8x8", "--figure", "x.jpg"), "--figure: x.jpg must end in"),
        (("--compute", "1e20"), "--compute: needs a law"),
        (("--fit", "nowhere.csv"), "nowhere.csv: no such file"),
        (("--fit", "x.csv", "--draws", "-1"), "--draws: must be at least 0"),
        (
            ("--fit", DATA / "cerebras_gpt.csv", "--loss-column", "pile_test_loss"),
            "tokens rise with parameters throughout",
        ),
    ],
)
def test_what_is_wrong_is_one_line(call, words, said):
    called = call("scaling-law", *words)
    assert (called.status, called.out) == (2, "")
    assert called.err.startswith("epiplexity-jax: error: ")
    assert called.err.count("\n") == 1
    assert said in called.err


def test_a_store_of_two_sizes_has_no_law(call, store):
    called = call("frontier", store, "--frontier", "fitted")
    assert called.status == 2
    assert "2 sizes of model, expected 3 or more" in called.err
    assert "name the other sources by --source" in called.err
