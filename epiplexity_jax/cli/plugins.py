"""Plugins: installed packages whose own sources, families, estimators and procedures commands know.

A package names the module that registers them in its pyproject.toml:

    [project.entry-points."epiplexity_jax.plugins"]
    ramps = "my_package.ramps"
"""

from importlib.metadata import entry_points

from epiplexity_jax.base.config import shorten
from epiplexity_jax.base.errors import ConfigError

GROUP = "epiplexity_jax.plugins"


def load_plugins() -> None:
    """Import the module of every installed plugin, in the order of their names.

    Raises:
        ConfigError: when one cannot be imported, naming it.
    """
    for plugin in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        try:
            plugin.load()
        except Exception as error:
            raise ConfigError(
                f"plugin {plugin.name}: {plugin.value} cannot be imported, "
                f"{type(error).__name__}: {shorten(str(error))}; mend or uninstall its package"
            ) from error
