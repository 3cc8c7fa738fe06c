"""What every stage script starts with: this workspace's own mfsn, and errors as one sentence.

An experiment in a temporary folder must run the code of that folder, not the installed package's.
"""

import argparse
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from mfsn.base.files import explain_denied
from mfsn.errors import MfsnError
from mfsn.params import Stage, open_stage

_INTERRUPTED = (
    "interrupted; finished rows and epochs are kept, and the same command computes the others"
)


def run(name: str, stage: Callable[[Stage], None]) -> None:
    """Run a stage with its parameters; a known error is printed as one sentence.

    Raises:
        SystemExit: after an error, with its exit status; after Ctrl-C, with 130.
    """
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("mfsn").setLevel(logging.INFO)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` ends a stage as Ctrl-C does
    try:
        with explain_denied():
            stage(open_stage(name))
    except MfsnError as error:
        print(f"{name}: {error}", file=sys.stderr)
        raise SystemExit(error.exit_status) from None
    except KeyboardInterrupt:
        print(f"{name}: {_INTERRUPTED}", file=sys.stderr)
        raise SystemExit(130) from None


def asked_jobs() -> int | None:
    """How many units are to run at once (`--jobs N`); None leaves it to this machine."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, help="units at once (default: as fit this machine)")
    asked: int | None = parser.parse_args().jobs
    if asked is not None and asked < 1:
        parser.error("--jobs takes a whole number from 1")
    return asked
