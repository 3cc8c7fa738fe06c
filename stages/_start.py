"""What every stage script starts with: this workspace's own mfsn, and errors as one sentence.

An experiment in a temporary folder must run the code of that folder, not the installed package's.
"""

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from mfsn.errors import MfsnError
from mfsn.params import Stage, open_stage


def run(name: str, stage: Callable[[Stage], None]) -> None:
    """Run a stage with its parameters; a known error prints its message and exits."""
    try:
        stage(open_stage(name))
    except MfsnError as error:
        print(f"{name}: {error}", file=sys.stderr)
        raise SystemExit(error.exit_status) from None
