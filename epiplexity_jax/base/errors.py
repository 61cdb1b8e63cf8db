"""Exception class that users catch, and its few subclasses."""


class EpiplexityError(Exception):
    """Error that a user can mend: one sentence with the fault, its place and what would work."""


class ConfigError(EpiplexityError, ValueError):
    """Error in a config or argument; the message names the key, the fault and what is allowed."""


class DataError(EpiplexityError, ValueError):
    """Error in a source's data: missing, empty, too short, or with a value that is not allowed."""


class RunsFailed(EpiplexityError):
    """Failure of some runs on a cluster; the others are in the store."""


class StoreError(EpiplexityError):
    """Error of a store folder: unreadable, damaged, or no store."""
