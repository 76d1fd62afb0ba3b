"""The nouns: frozen data that every room shares, and no I/O.

Enters: nothing. Leaves: Task, PlannedAttempt, Attempt, Message, Step, Trajectory, Verdict and their enums.
"""

from assay.nouns.attempt import Attempt, PlannedAttempt, Status
from assay.nouns.task import GraderSpec, Limits, Task
from assay.nouns.trajectory import Exit, Finish, Message, Reply, Role, Step, ToolCall, ToolResult, Trajectory
from assay.nouns.verdict import Check, Reason, Validity, Verdict

__all__ = [
    "Attempt",
    "Check",
    "Exit",
    "Finish",
    "GraderSpec",
    "Limits",
    "Message",
    "PlannedAttempt",
    "Reason",
    "Reply",
    "Role",
    "Status",
    "Step",
    "Task",
    "ToolCall",
    "ToolResult",
    "Trajectory",
    "Validity",
    "Verdict",
]
