"""The code of a system's fits: `scan` writes it for DVC, and it is part of the identity of fits.

Scripts import it after `_start`, which puts the mfsn of this workspace before the installed one.
"""

from pathlib import Path

from mfsn import plugins
from mfsn.base.fingerprint import PACKAGE, fingerprint
from mfsn.training.system import get_system, modules_of


def system_code(name: str, workspace: Path) -> dict[str, str]:
    """What the code of a system's fits means at this moment."""
    modules = modules_of(get_system(name))
    packages = {module.partition(".")[0] for module in modules} - {PACKAGE}
    return fingerprint(workspace / "src", roots=modules, others=plugins.folders_of(packages))
