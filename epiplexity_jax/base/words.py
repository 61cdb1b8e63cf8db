"""Numbers in words."""


def duration(seconds: float) -> str:
    """A time in words.

    >>> duration(48.2), duration(600), duration(9000)
    ('48 s', '10 min', '2 h 30 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
