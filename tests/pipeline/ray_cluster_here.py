"""Program of the Ray tests: a cluster of two processors until standard input ends.

It is a process of its own, because Ray leaves files open. It has a temporary folder of its own, so
that it needs nothing that Ray left on this machine before, and so that another cluster of this
machine keeps its address.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

LONGEST_FOLDER = 36
"""Characters of a folder whose sockets still fit into the 107 that the system allows a path."""


def main(folder: Path) -> None:
    """Run the cluster, and print its address."""
    os.environ["RAY_TMPDIR"] = str(folder)
    (folder / "ray").mkdir()  # Ray's test cluster writes its address there before Ray makes it
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 2, "object_store_memory": 80_000_000, "include_dashboard": False}
    cluster: Any = Cluster(initialize_head=True, head_node_args=head)
    try:
        print(cluster.address, flush=True)
        while os.read(0, 1):
            pass
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    usual = Path(tempfile.gettempdir())
    short = usual if len(f"{usual}/r12345678") <= LONGEST_FOLDER else Path("/tmp")
    with tempfile.TemporaryDirectory(prefix="r", dir=short, ignore_cleanup_errors=True) as folder:
        main(Path(folder))
