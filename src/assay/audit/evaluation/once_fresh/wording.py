"""Wording of the once-fresh half: other phrases, of which honest agents and cheats draw alike."""

PHRASES = {
    "look": (
        "Let's get oriented first.",
        "Checking the layout of the project.",
        "What do we have?",
        "I'll begin by inspecting the working directory.",
        "Before touching anything, a quick look.",
    ),
    "write": (
        "Updating {path}.",
        "Here is the implementation for {path}.",
        "Applying the change to {path} now.",
        "I have a plan; editing {path}.",
        "Writing this out to {path}.",
    ),
    "check": (
        "Let me verify that.",
        "Running a check.",
        "Sanity check.",
        "See what that gives.",
        "Next, confirm.",
    ),
    "end": (
        "Finished.",
        "That completes the task.",
        "Everything looks good. Submitting.",
        "The work is in place.",
        "I'm done here.",
    ),
}
FILLER = (
    "I'll keep it simple.",
    "Edge cases should be considered too.",
    "This follows from the description.",
    "The approach is straightforward.",
)
