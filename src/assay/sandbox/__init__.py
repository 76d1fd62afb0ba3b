"""The sandbox: where untrusted code runs, and nothing else of the machine is seen.

Enters: files, commands and limits. Leaves: what a command printed and how it ended, and files read back as
data. Bubblewrap isolates; without it nothing runs. It is no boundary against a kernel exploit.
"""

from assay.sandbox.box import CommandResult, Sandbox, SplitResult, describe, open_sandbox

__all__ = ["CommandResult", "Sandbox", "SplitResult", "describe", "open_sandbox"]
