"""A helper for plain-text works typed in by volunteers: cuts what they added around the work."""

import re
from typing import NamedTuple

from assay.corpus.clean import strip_emphasis, strip_gutenberg
from assay.corpus.model import SourceText

# A contents list ends where three blank lines set off what follows.
_CONTENTS = re.compile(r"\n[ \t]*CONTENTS\.?[ \t]*\n.*?(?=\n\n\n\n)", re.S)


class Work(NamedTuple):
    """What is known of a work apart from its words."""

    title: str
    year: int
    evidence: str


def work_text(key: str, work: Work, text: str) -> SourceText:
    """Make the text of a work from a volunteer's file."""
    text = strip_gutenberg(text.replace("\r\n", "\n"))
    text = strip_emphasis(_CONTENTS.sub("\n", text))
    return SourceText(key=key, title=work.title, year=work.year, year_evidence=work.evidence, text=text)
