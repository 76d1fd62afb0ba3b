"""Agents: who acts in a sandbox by asking a model.

Enters: a task, a model, an open sandbox and a seed. Leaves: a Trajectory, whatever went wrong on the way.
"""

from assay.agents.shell import ShellAgent, ShellConfig

__all__ = ["ShellAgent", "ShellConfig"]
