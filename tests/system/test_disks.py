"""Disks that fill up, that cannot be written, that change a bit: said, nothing lost, or mended."""

import contextlib
import random
import shutil
import subprocess

import pytest
import yaml

from epiplexity_jax import EpiplexityError, api
from tests.system.sweeps import histories, results, train
from tests.system.test_faults import CONFIG


@pytest.fixture(name="config")
def _config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    return path


@pytest.fixture(name="disk")
def _disk(tmp_path):
    """A small disk of its own, and how to mount it anew with other options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options):
        return subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True
        )

    with contextlib.suppress(FileNotFoundError):
        if mount("size=4m").returncode == 0:
            yield place, lambda options: mount(f"remount,{options}")
            subprocess.run(["umount", place], check=True)
            return
    pytest.skip("needs the right to mount")


def attempt(config, store):
    """A sweep on a disk that may refuse: the results or none, and what was said."""
    try:
        told, found = train(config, store)
    except EpiplexityError as error:
        return None, [str(error)]
    return found, told.said


@pytest.mark.slow
def test_a_disk_that_fills_up(config, disk, tmp_path):
    place, remount = disk
    _, whole = train(config, tmp_path / "whole")
    refused = 0
    for pages in (1, 4, 8, 16, 32, 64, 128):
        store = place / f"store{pages}"
        for old in place.iterdir():
            shutil.rmtree(old)
        remount(f"size={4096 * pages}")
        found, said = attempt(config, store)
        assert all("\n" not in line for line in said)
        assert found == whole or any("No space left on device" in line for line in said)
        refused += found is None
        before = histories(store)
        remount("size=4m")
        _, again = train(config, store)
        assert again == whole
        assert before.items() <= histories(store).items()
    assert 1 < refused < 7


def test_a_store_that_cannot_be_written(config, disk):
    place, remount = disk
    _, whole = train(config, place / "store")
    remount("ro")
    assert results(api.load(place / "store")) == whole
    with pytest.raises(EpiplexityError, match="Read-only file system"):
        train(config, place / "store")
    with pytest.raises(EpiplexityError, match="Read-only file system"):
        train(config, place / "other")


@pytest.mark.slow
def test_a_flipped_bit_in_any_file_of_a_store_is_named_or_changes_nothing(config, tmp_path):
    chance, store = random.Random(0), tmp_path / "store"
    _, whole = train(config, store)
    _, longer = train(config, tmp_path / "longer", "training.steps=30")
    files = sorted(p.relative_to(store) for p in store.rglob("*") if p.stat().st_size)
    files = [name for name in files if (store / name).is_file()]
    assert {"runs.parquet", "sweep.yaml", "provenance.jsonl"} <= {str(name) for name in files}
    for name in files:
        damaged = tmp_path / "damaged"
        shutil.copytree(store, damaged)
        content = bytearray((damaged / name).read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        (damaged / name).write_bytes(content)
        if name.parts[0] == "checkpoints":  # last states, which only more steps need
            told, found = train(config, damaged, "training.steps=30")
            assert found == longer, name
            (line,) = told.said
            assert "the state kept at step 24 is damaged; training from step 0" in line
        else:
            found, said = attempt(config, damaged)
            assert found == whole or any(name.stem in line for line in said), name
        shutil.rmtree(damaged)
