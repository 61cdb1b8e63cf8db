"""Memory of the host: what control groups of either version allow, in and out of containers."""

from pathlib import Path

import pytest

from epiplexity_jax.runtime.devices import _limits, host_memory


def write(root, **texts):
    for name, text in texts.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": "4096\n"}, [4096]),
        ("0::/\n", {"memory.max": "8192\n"}, [8192]),
        ("0::/seen/outside/only\n", {"memory.max": "8192\n"}, [8192]),
        (
            "5:cpu,cpuacct:/x\n4:memory:/x\n0::/\n",
            {"memory/x/memory.limit_in_bytes": "100\n", "memory/memory.limit_in_bytes": "900\n"},
            [100, 900],
        ),
        ("5:cpu:/x\n", {"cpu/x/memory.limit_in_bytes": "100\n"}, []),
        ("", {}, []),
    ],
)
def test_limits_of_control_groups(tmp_path, groups, files, expected):
    write(tmp_path, groups=groups, **files)
    assert list(_limits(tmp_path / "groups", tmp_path)) == expected


def test_a_host_has_some():
    assert 2**28 < host_memory() < 2**50
    assert list(_limits(groups=Path("/none"))) == []
