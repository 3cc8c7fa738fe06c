"""Program of the Ray tests: a cluster of two processors until standard input ends.

In a process of its own, since Ray leaves files open; in a folder of its own, so that another
cluster of this machine keeps its address.
"""

import sys
import tempfile
from typing import Any

from ray.cluster_utils import Cluster

with tempfile.TemporaryDirectory(prefix="ray") as folder:  # short: sockets lie in it
    head = {
        "num_cpus": 2,
        "object_store_memory": 80_000_000,
        "include_dashboard": False,
        "temp_dir": folder,
    }
    cluster: Any = Cluster(initialize_head=True, head_node_args=head)
    print(cluster.address, flush=True)
    sys.stdin.read()
    cluster.shutdown()
