"""Times and sizes as text for people."""


def duration(seconds: float) -> str:
    """Write a time in seconds with a fitting unit.

    >>> duration(48.2), duration(600), duration(9000)
    ('48 s', '10 min', '2 h 30 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def memory(size: float) -> str:
    """Write a number of bytes with a fitting unit.

    >>> memory(3 * 2**19), memory(5 * 2**30)
    ('1.5 MiB', '5.0 GiB')
    """
    unit, name = (2**30, "GiB") if size >= 2**30 else (2**20, "MiB")
    return f"{size / unit:,.1f} {name}"
