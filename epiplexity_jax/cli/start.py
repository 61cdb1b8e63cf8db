"""Start of the command line: an interrupt while modules are imported is one line."""

import os
import signal
from types import FrameType

_STOPPED = 130  # as a shell has it
_IMPORTS = "<frozen importlib._bootstrap>"


def main() -> None:
    """Run the command line and exit."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    from epiplexity_jax.cli.app import main as run

    run()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt as Python does, but end at once while a module is imported.

    Extensions that load make other errors of it, lose it, or crash. Nothing is half written then.
    """
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTS:
            os.write(2, b"epiplexity-jax: stopped\n")
            os._exit(_STOPPED)
        frame = frame.f_back
    raise KeyboardInterrupt
