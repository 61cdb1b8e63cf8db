"""The config that `init` writes is one that `run` takes."""

from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.config_file import read_config


def test_init_writes_a_config_that_is_accepted(call, tmp_path):
    path = tmp_path / "mine.yaml"
    called = call("init", path)
    assert called.status == 0
    assert f"epiplexity-jax run {path}" in called.out
    sweep = parse_sweep(read_config(path))
    assert set(sweep.sources) == {"text", "noise"}
    assert path.read_text(encoding="utf-8").startswith("#")


def test_init_overwrites_nothing(call, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("mine", encoding="utf-8")
    called = call("init", path)
    assert (called.status, called.out) == (2, "")
    assert "is there already" in called.err
    assert path.read_text(encoding="utf-8") == "mine"
    assert call("init", tmp_path / "nowhere" / "x.yaml").status == 2
