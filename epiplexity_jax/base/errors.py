"""The one exception class that users catch, and its few subclasses."""


class EpiplexityError(Exception):
    """Anything a user can mend: one sentence that says what, where and what would work."""


class ConfigError(EpiplexityError, ValueError):
    """A config or argument is wrong; the message names the key, the fault and what is allowed."""


class DataError(EpiplexityError, ValueError):
    """A source's data is missing, empty, too short or holds something it must not."""


class RunsFailed(EpiplexityError):
    """A cluster could not train some runs; the others are in the store."""


class StoreError(EpiplexityError):
    """A store folder is unreadable, damaged, or not a store."""
