"""Actions: what a step did, read from its shell, its Python and its tool calls as structure and never run.

Enters: a step's command. Leaves: Events (read, write, delete, link, fetch ...), each with the line of the action.
"""

from assay.audit.actions.events import Event, events_of, events_through

__all__ = ["Event", "events_of", "events_through"]
