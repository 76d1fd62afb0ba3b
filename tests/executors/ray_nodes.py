"""A Ray cluster of three nodes on this machine, each with a cache of its own."""

import os
from contextlib import contextmanager
from pathlib import Path

NODES = 3


@contextmanager
def three_nodes(folder, cpus=1):
    """Give the cluster; `folder` gets a cache a node."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    made = Cluster()
    try:
        for number in range(NODES):
            variables = {"ASSAY_CACHE": str(folder / str(number)), "PYTHONPATH": str(Path(__file__).parents[2])}
            made.add_node(num_cpus=cpus, object_store_memory=80 << 20, env_vars=variables)
        yield made
    finally:
        made.shutdown()
