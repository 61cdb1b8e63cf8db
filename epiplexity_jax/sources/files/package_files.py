"""Files of an installed Python package: real data that a machine has without a download."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.characters import Alphabet
from epiplexity_jax.sources.files.text import Text, open_text
from epiplexity_jax.sources.files.whole_documents import Unknown, check_skips
from epiplexity_jax.sources.spec import HostSource


class PackageFiles(Config):
    """Files of an installed Python package as bytes or text: machine code, headers, source.

    NumPy and PyArrow are installed wherever this package is. As pip installs them on Linux and
    macOS, `**/*.so` of `numpy` is 15 MB of machine code, and `include/**/*.h` of `pyarrow` 5 MB of
    C++ headers; other installations may have neither. Every file is a document; they
    are joined in the order of their paths, and read as they are. Another version of the package, or
    another processor, has other files and so another fingerprint; for results that must be
    comparable, take a file of your own with `text`.
    """

    kind: Literal["package_files"] = "package_files"
    package: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name by which the package is imported; it is not imported."""
    files: str = Field(min_length=1)
    """Pattern of the files in the package's folder, such as `*.py`, or `**/*.so` in folders below
    it too; hidden ones are left out."""
    alphabet: Alphabet = "bytes"
    """`bytes` (all 256), `ascii96` (95 printable characters and newline), `characters` (all that
    occur), or the characters themselves."""
    unknown: Unknown = "error"
    """Treatment of a character outside the alphabet."""
    length: int = Field(default=128, ge=1)
    """L, tokens of a sequence."""

    @model_validator(mode="after")
    def _skips_some(self) -> "PackageFiles":
        check_skips(self.alphabet, self.unknown)
        return self


def open_package_files(config: PackageFiles) -> HostSource:
    """Read the files of a package and keep their tokens.

    Raises:
        DataError: when the package is not installed or has no such files, or they are too short, or
            hold a character outside the alphabet.
    """
    rest = {"alphabet": config.alphabet, "unknown": config.unknown, "length": config.length}
    folder = str(_folder(config.package))
    return open_text(Text(path=folder, files=config.files, compression="none", **rest))


def _folder(package: str) -> Path:
    """Find the folder of a package.

    Raises:
        DataError: when it is not installed, or is a module without one.
    """
    try:
        spec = find_spec(package)
    except ValueError:  # of a module that was made by hand
        spec = None
    if spec is None or not spec.submodule_search_locations:
        fault = "is one module" if spec is not None else "is not installed"
        raise DataError(f"package: {package} {fault}; name a package that has a folder here")
    return Path(next(iter(spec.submodule_search_locations)))
