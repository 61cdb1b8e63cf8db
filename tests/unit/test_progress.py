"""Progress: plain lines now and then, or bars on a terminal."""

import io
import math
import sys

import pytest
from rich.console import Console

from epiplexity_jax import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until a test moves it."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_first_then_every_quarter_of_a_minute_and_last(clock, capsys):
    lines = progress.Lines()
    lines.start(runs=6, finished=2, member_steps=400)
    for _ in range(40):
        clock[0] += 1.0
        lines.advance(5, 1000, {"text/w16": 3.25, "noise/w16": math.nan})
    lines.run_done({})
    lines.close()
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "runs 2/6",
        "runs 2/6, 1,000 tokens/s, 64 s left, text/w16: 3.250 nats/token",
        "runs 2/6, 1,000 tokens/s, 48 s left, text/w16: 3.250 nats/token",
        "runs 3/6, 1,000 tokens/s, 40 s left, text/w16: 3.250 nats/token",
    ]


def test_compiling_is_no_part_of_the_time_left(clock, capsys):
    lines = progress.Lines()
    lines.start(runs=1, finished=0, member_steps=100)
    clock[0] += 60.0
    lines.advance(1, 30, {})
    clock[0] += 20.0
    lines.advance(20, 600, {})
    lines.advance(79, 2370, {})
    lines.close()
    assert capsys.readouterr().err.splitlines() == [
        "runs 0/1",
        "runs 0/1, 0 tokens/s",
        "runs 0/1, 8 tokens/s, 79 s left",
        "runs 0/1, 38 tokens/s, 0 s left",
    ]


def test_a_sweep_that_never_began_says_nothing(capsys):
    progress.Lines().close()
    assert capsys.readouterr().err == ""


def test_bars_keep_their_numbers_on_a_narrow_terminal(clock):
    bars = progress.Bars()
    screen = io.StringIO()
    bars.bars.live.console = Console(file=screen, force_terminal=True, width=80)
    bars.start(runs=600, finished=2, member_steps=400)
    clock[0] += 10.0
    bars.advance(100, 20480000, {"text, width 1024, depth 12, seed 3": 3.25})
    bars.bars.refresh()
    bars.close()
    assert "runs 2/600, 2,048,000 tokens/s" in screen.getvalue()


def test_bars_show_runs_rate_time_left_and_losses(clock, monkeypatch):
    bars = progress.Bars()
    screen = io.StringIO()
    bars.bars.live.console = Console(file=screen, force_terminal=True, width=120)
    bars.start(runs=6, finished=2, member_steps=400)
    clock[0] += 10.0
    bars.advance(100, 20480, {"text/w16": 3.25})
    bars.run_done({})
    bars.message("text: [stopped]")
    bars.bars.refresh()
    shown = screen.getvalue()
    bars.close()
    for part in ("runs 3/6, 2,048 tokens/s", " 25 %", "text/w16: 3.250", "text: [stopped]"):
        assert part in shown, part


def test_a_bar_is_chosen_by_the_terminal(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(progress.progress_bar(), progress.Bars)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert isinstance(progress.progress_bar(), progress.Lines)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(119.4, "119 s"), (120, "2 min"), (3599, "1 h 0 min"), (9000, "2 h 30 min")],
)
def test_times_in_words(seconds, words):
    assert progress.duration(seconds) == words


class Handle:
    """A display of a notebook, which keeps what it shows."""

    def __init__(self, data):
        self.shown = [data]

    def update(self, data, raw):
        assert raw
        self.shown.append(data)


@pytest.fixture
def displays(monkeypatch):
    """Outputs that a bar opens, as IPython's `display` would."""
    opened = []

    def display(data, raw, display_id):
        assert raw
        assert display_id
        opened.append(Handle(data))
        return opened[-1]

    monkeypatch.setattr("IPython.display.display", display)
    return opened


def test_a_notebook_has_one_output_with_all_messages(clock, displays):
    bar = progress.NotebookBar()
    bar.message("JAX has 1 CPU device")
    bar.start(runs=6, finished=2, member_steps=400)
    clock[0] += 10.0
    bar.advance(100, 20480, {"<b>x": 3.25})
    bar.run_done({})
    (handle,) = displays
    assert handle.shown[0]["text/plain"] == "JAX has 1 CPU device"
    assert "<progress" not in handle.shown[0]["text/html"]
    assert handle.shown[-1]["text/plain"].splitlines() == [
        "runs 3/6, 2,048 tokens/s",
        "<b>x: 3.250 nats/token",
        "JAX has 1 CPU device",
    ]
    html = handle.shown[-1]["text/html"]
    assert '<progress value="0.250"' in html
    assert "&lt;b&gt;x: 3.250" in html
    bar.close()
    assert displays == [handle]
    assert handle.shown[-1]["text/plain"] == "runs 3/6, 10 s in all\nJAX has 1 CPU device"


def test_a_bar_that_never_began_shows_nothing_and_a_new_start_is_a_new_output(clock, displays):
    bar = progress.NotebookBar()
    bar.close()
    assert displays == []
    for _ in range(2):
        bar.start(runs=1, finished=1, member_steps=0)
        bar.close()
    assert [handle.shown[-1]["text/plain"] for handle in displays] == ["runs 1/1, 0 s in all"] * 2


def test_a_kernel_is_known_by_its_shell(monkeypatch):
    class Shell:
        kernel = object()

    monkeypatch.setattr("IPython.get_ipython", lambda: Shell())
    assert isinstance(progress.progress_bar(), progress.NotebookBar)
    monkeypatch.setattr("IPython.get_ipython", lambda: None)
    assert not isinstance(progress.progress_bar(), progress.NotebookBar)


def test_minutes_are_the_time_left(clock):
    bar = progress.progress_bar(minutes=2)
    assert bar.left == 120.0
    clock[0] += 30.0
    assert bar.left == 90.0
