"""A Ray cluster of three nodes on this machine, each with a cache and temporary files of its own."""

import os
from contextlib import contextmanager
from pathlib import Path

NODES = 3
_TRIES = 3


@contextmanager
def three_nodes(folder, cpus=1):
    """Give the cluster, with `N` and `N-temporary` in `folder` for each node's cache and temporary files.

    It is tried again where a machine is too slow for Ray's own limits.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")
    os.environ.setdefault("RAY_worker_niceness", "0")  # 15 otherwise: on a loaded machine workers hardly run
    from ray.cluster_utils import Cluster

    for left in reversed(range(_TRIES)):
        made = Cluster()
        try:
            for number in range(NODES):
                variables = {
                    "ASSAY_CACHE": str(folder / str(number)),
                    "ASSAY_TMP": str(folder / f"{number}-temporary"),
                    "PYTHONPATH": str(Path(__file__).parents[2]),
                }
                made.add_node(num_cpus=cpus, object_store_memory=80 << 20, env_vars=variables)
            break
        except Exception:
            made.shutdown()
            if not left:
                raise
    try:
        yield made
    finally:
        made.shutdown()
