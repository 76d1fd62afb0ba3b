"""What a Ray cluster loses: a worker, a node, its head. The restart is on this machine, without a cluster."""

import random
from abc import abstractmethod

from assay.chaos.cluster import Nodes, lacking
from assay.chaos.drive import Drive
from assay.chaos.fault import Fault


class _Cluster(Fault):
    cluster = True

    def lacking(self) -> str:
        """It takes Ray."""
        return lacking()

    @abstractmethod
    def strike(self, nodes: Nodes) -> str:
        """Do it; return what was done."""

    def arm(self, drive: Drive, draw: random.Random) -> None:
        """Start a cluster for the drive, and strike at a request."""
        nodes = Nodes(drive)
        drive.stack.callback(nodes.close)
        drive.words += ["--executor", f"ray:{nodes.address}"]
        drive.at(self, drive.early(draw), draw.uniform(0.001, 0.1), lambda: self.strike(nodes))


class WorkerKilled(_Cluster):
    """A worker process."""

    name = "worker-killed"
    about = "SIGKILL to a Ray worker at work on an attempt"

    def strike(self, nodes: Nodes) -> str:
        """Kill it."""
        return nodes.kill_worker()


class NodeLost(_Cluster):
    """A node."""

    name = "node-lost"
    about = "a node of the Ray cluster is gone, with all its processes"

    def strike(self, nodes: Nodes) -> str:
        """Kill it."""
        return nodes.lose_node()


class HeadRestarted(_Cluster):
    """The head."""

    name = "head-restarted"
    about = "the head of the Ray cluster is killed and started again"
    ends = True
    exits = frozenset({1, 2})  # a failure of ours, said in a sentence, or one of the user's cluster

    def strike(self, nodes: Nodes) -> str:
        """Kill it and start it."""
        return nodes.restart_head()
