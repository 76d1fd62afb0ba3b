"""Others' formats, both ways: runs of other tools as a ledger of ours, and a ledger of ours as files they open.

Enters: a file or folder that somebody else wrote, or a ledger. Leaves: a ledger with its plan, or such files.
`formats` holds one module a format; the modules beside it turn single values of a format into nouns and back.
"""
