"""The version, read by the build as well: importing it costs nothing."""

__version__ = "0.1.0"
