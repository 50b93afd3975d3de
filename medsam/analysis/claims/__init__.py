"""Each sentence of the paper that a table can check, and what the tables say of it.

>>> from medsam.analysis.claims import answers, count, of_published
>>> found = answers(of_published())
>>> sum(count(one.published for one in found).values()) == len(found)
True
"""

from medsam.analysis.claims.claim import Answer, Claim, Finding, Verdict
from medsam.analysis.claims.registry import answer, answers, claims, count, frame
from medsam.analysis.claims.tables import Tables, of_published, of_rows

__all__ = [
    "Answer",
    "Claim",
    "Finding",
    "Tables",
    "Verdict",
    "answer",
    "answers",
    "claims",
    "count",
    "frame",
    "of_published",
    "of_rows",
]
