"""assay teaches models to write software with rewards that can be checked.

Enter at `assay.cli` (the verbs) or `assay.nouns` (the data that every room shares).
"""

__version__ = "0.1.0"
