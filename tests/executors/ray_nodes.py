"""A Ray cluster of three nodes on this machine, each with a cache of its own."""

import os
from contextlib import contextmanager
from pathlib import Path

NODES = 3
_TRIES = 3


@contextmanager
def three_nodes(folder, cpus=1):
    """Give the cluster, a cache a node in `folder`; tried again where a machine is too slow for Ray's own limits."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")
    from ray.cluster_utils import Cluster

    for left in reversed(range(_TRIES)):
        made = Cluster()
        try:
            for number in range(NODES):
                variables = {"ASSAY_CACHE": str(folder / str(number)), "PYTHONPATH": str(Path(__file__).parents[2])}
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
