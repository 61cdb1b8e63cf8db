"""Settings of JAX and of the environment: for a while, or for a process of ours."""

import os

import jax
import pytest

from epiplexity_jax.runtime import devices

CACHE = ("jax_compilation_cache_dir", "jax_compilation_cache_max_size")


def settings():
    return {name: getattr(jax.config, name) for name in CACHE}


@pytest.fixture
def _restored():
    least = jax.config.jax_persistent_cache_min_compile_time_secs
    with devices.jax_settings(settings() | {"jax_persistent_cache_min_compile_time_secs": least}):
        yield


@pytest.mark.usefixtures("_restored")
def test_the_cache_in_the_users_folder_has_a_limit(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", None)
    folder = tmp_path / "epiplexity_jax" / "programs"
    folder.mkdir(parents=True)
    whole = [folder / "one-cache", folder / "one-atime"]
    for file in (*whole, folder / "half-cache"):
        file.touch()
    devices.cache_compilations()
    assert settings() == dict(zip(CACHE, (str(folder), 2 * 2**30), strict=True))
    assert sorted(folder.iterdir()) == sorted(whole)  # one without the other blocks JAX's eviction


@pytest.mark.usefixtures("_restored")
def test_a_cache_that_was_chosen_stays_as_it_is(tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    before = settings()
    devices.cache_compilations()
    assert settings() == before


def fail_within(settings):
    with devices.jax_settings(settings):
        assert settings.items() <= {"jax_platforms": jax.config.jax_platforms}.items()
        raise ZeroDivisionError


def test_settings_come_back_after_an_error():
    before = jax.config.jax_platforms
    with pytest.raises(ZeroDivisionError):
        fail_within({"jax_platforms": "other"})
    assert jax.config.jax_platforms == before


def test_variables_that_are_set_stay_and_others_go(monkeypatch):
    monkeypatch.setenv("SET", "1")
    monkeypatch.delenv("UNSET", raising=False)
    with devices.environment({"SET": "2", "UNSET": "3"}):
        assert (os.environ["SET"], os.environ["UNSET"]) == ("1", "3")
    assert os.environ["SET"] == "1"
    assert "UNSET" not in os.environ
