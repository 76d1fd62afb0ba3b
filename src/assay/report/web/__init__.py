"""The web page of runs, and the same as a folder of files.

Enters: ledgers, the audit's findings beside them. Leaves: pages, served on this machine or published; nothing is
written beside a ledger, and nothing of what an agent wrote reaches a page but as visible text.
"""
