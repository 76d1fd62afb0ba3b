"""The error tree: what a user did wrong, and what our own machinery did wrong."""


class AssayError(Exception):
    """The root of every error that assay raises on purpose."""


class UserError(AssayError):
    """Something the user can mend; the message is one sentence: what, where, what to do. Exit status 2."""


class MachineryError(AssayError):
    """Our sandbox, grader or model failed; it is recorded on the attempt and is never a score."""
