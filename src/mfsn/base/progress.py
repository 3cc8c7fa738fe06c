"""Progress for people: a bar in a terminal, one line per minute in a log."""

from __future__ import annotations

import sys
import time
from typing import Any

from tqdm import tqdm

LINE_EVERY_S = 60.0
_LINE = "{desc}: {n_fmt} of {total_fmt} {unit}s, {rate_fmt}, {remaining} left{postfix}"


class Progress(tqdm):  # type: ignore[type-arg]
    """tqdm, which in a terminal is what it always is, but speaks without one too.

    Logs of servers, of Slurm and of `nohup` have no terminal. There it writes a line once per
    minute with what is done, the rate and the time that is left. Work of less than a minute writes
    nothing.

    Args:
        *args: as for tqdm.
        in_terminal: whether a bar may be shown in a terminal; not in one of several processes,
            whose bars would overwrite each other.
        every_s: seconds between two lines.
        **kwargs: as for tqdm.
    """

    def __init__(
        self,
        *args: Any,
        in_terminal: bool = True,
        every_s: float = LINE_EVERY_S,
        **kwargs: Any,
    ) -> None:
        self._every_s, self._shown_s = every_s, time.monotonic()
        self._writes_lines = not sys.stderr.isatty()
        if self._writes_lines:
            kwargs |= {"bar_format": _LINE, "leave": False, "miniters": 1}
            kwargs |= {"mininterval": min(every_s, 1.0)}
        else:
            kwargs["disable"] = not in_terminal
        super().__init__(*args, **kwargs)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Show the state: redraw the bar, or write a line if the last one is old enough."""
        if not self._writes_lines:
            super().display(msg, pos)
            return
        now_s = time.monotonic()
        is_due = now_s - self._shown_s >= self._every_s
        if self.n and is_due and msg is None:  # tqdm ends a bar by an empty message
            self._shown_s = now_s
            sys.stderr.write(f"{self}\n")
            sys.stderr.flush()

    def clear(self, nolock: bool = False) -> None:
        """Take the bar away for a moment; a line stays."""
        if not self._writes_lines:
            super().clear(nolock)
