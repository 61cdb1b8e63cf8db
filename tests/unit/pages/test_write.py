"""A report as files: where they go, what is refused, and what is left untouched."""

import json

import pytest

import epiplexity_jax as epx
from epiplexity_jax.base.errors import ConfigError, EpiplexityError, StoreError
from epiplexity_jax.pages import build, write
from epiplexity_jax.pages.write import check_path, write_report
from epiplexity_jax.results import load
from tests.unit.store.stored import make_store

QUICK = {"compute": [6.0e9], "thorough": False}


@pytest.fixture(scope="module", autouse=True)
def few_stops():
    """Let sliders have few stops: each asks every frontier."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "_STOPS", 3)
        yield


@pytest.fixture(scope="module")
def written(folder, tmp_path_factory):
    """A report in a folder that did not exist."""
    path = tmp_path_factory.mktemp("written") / "new folder" / "page.html"
    return write_report(folder / "small", path, **QUICK)


def test_three_files_are_written(written):
    assert written.page.name == "page.html"
    assert sorted(file.name for file in written.page.parent.iterdir()) == [
        "page.html",
        "summary.json",
        "summary.md",
    ]
    html = written.page.read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert written.content.title in html
    assert written.markdown.read_text(encoding="utf-8").startswith(f"# {written.content.title}")
    assert " --compute 6e9 -o " in written.content.commands[-1]


def test_the_summary_is_strict_json(written):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    text = written.json.read_text(encoding="utf-8")
    document = json.loads(text, parse_constant=refuse)
    assert document["frontier"][0]["compute_flops"] == 6.0e9
    assert " --compute 6e9 -o " in document["commands"][-1]


def test_the_place_by_default_is_the_first_store(tmp_path):
    store = make_store(tmp_path / "mine").path
    found = write_report([load(store)], **QUICK)
    assert found.page == store / "report.html"
    assert (store / "summary.json").exists()
    again = write_report(store, sources=["text"], **QUICK)
    assert again.page == found.page
    assert "from text<" in found.page.read_text(encoding="utf-8")


def test_it_is_a_function_of_the_package():
    assert epx.write_report is write_report


@pytest.mark.parametrize("name", ["page", "page.pdf", "page.html.gz"])
def test_another_ending_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match=r"output: .* must end in \.html"):
        check_path(tmp_path / name)


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "x.html").mkdir()
    with pytest.raises(ConfigError, match=r"x\.html is a folder; name a file in it"):
        check_path(tmp_path / "x.html")


@pytest.mark.parametrize("name", ["summary.json", "summary.md"])
def test_a_file_of_somebody_else_stays(tmp_path, folder, name):
    (tmp_path / name).write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"{name} is there and is no summary of a report"):
        write_report(folder / "small", tmp_path / "x.html", **QUICK)
    assert (tmp_path / name).read_text(encoding="utf-8") == "{}"
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_file_of_somebody_else_in_the_store_stays(tmp_path):
    store = make_store(tmp_path / "mine").path
    (store / "summary.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match="is no summary of a report"):
        write_report(store, **QUICK)
    assert (store / "summary.json").read_text(encoding="utf-8") == "{}"
    assert not (store / "report.html").exists()


def test_a_report_replaces_its_own_files(written):
    check_path(written.page)
    check_path(None)


def test_a_path_through_a_file_is_refused_in_one_line(tmp_path, folder):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(StoreError, match="Not a directory") as refused:
        write_report(folder / "small", tmp_path / "file" / "x.html", **QUICK)
    assert "\n" not in str(refused.value)


def test_a_full_disk_is_one_line(tmp_path, folder, monkeypatch):
    def full(path, content):
        raise OSError(28, "write")

    monkeypatch.setattr(write, "write_atomically", full)
    with pytest.raises(EpiplexityError) as refused:
        write_report(folder / "small", tmp_path / "x.html", **QUICK)
    assert (
        str(refused.value) == f"{tmp_path / 'x.html'}: cannot be written: No space left on device"
    )


def test_nothing_is_gathered_for_a_wrong_path(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "gather", lambda *a, **k: pytest.fail("stores were read"))
    with pytest.raises(ConfigError, match="output: "):
        write_report(tmp_path, tmp_path / "x.pdf")
