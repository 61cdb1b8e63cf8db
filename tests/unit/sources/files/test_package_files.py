"""Files of installed packages: which are read, and what is refused."""

import sys
from pathlib import Path

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import PackageFiles, open_source


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two modules and a file of bytes, which cannot be imported."""
    folder = tmp_path / "made_for_this_test"
    (folder / "below").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError", encoding="utf-8")
    (folder / "below" / "b.bin").write_bytes(bytes([7, 200]))
    (folder / "a.bin").write_bytes(bytes([1, 2, 3]))
    (folder / ".hidden.bin").write_bytes(bytes(9))
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder.name


def test_files_that_match_are_read_in_order_and_nothing_is_imported(package):
    source = open_source(PackageFiles(package=package, files="**/*.bin", length=1))
    assert source.read(np.arange(5)).ravel().tolist() == [1, 2, 3, 7, 200]
    assert (source.info.vocab_size, source.info.bytes_per_token) == (256, 1.0)
    assert source.info.documents.spans[:, 0].tolist() == [0, 0, 0, 1, 1]
    assert package not in sys.modules


def test_numpy_has_machine_code_and_pyarrow_headers():
    code = open_source(PackageFiles(package="numpy", files="**/*.so"))
    assert code.sequences * 128 > 2e6
    headers = PackageFiles(package="pyarrow", files="include/**/*.h", alphabet="characters")
    assert open_source(headers).sequences * 128 > 2e6


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"package": "no_such_package"}, "package: no_such_package is not installed"),
        ({"package": "this"}, "package: this is one module"),
        ({"files": "*.txt"}, r"matches no file"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(package, config, said):
    with pytest.raises(DataError, match=said) as raised:
        open_source(PackageFiles(**{"package": package, "files": "*.bin", **config}))
    assert "\n" not in str(raised.value)


def test_a_path_is_no_package():
    for wrong in ("numpy.linalg", "../numpy", str(Path.cwd())):
        with pytest.raises(ConfigError, match="package: "):
            PackageFiles(package=wrong, files="*")
