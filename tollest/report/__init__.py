"""What an estimate says, for people to read: a sentence, a table, a page.

Every form names the level and the kind of its intervals, keeps documented deaths apart from
estimates, and repeats what is doubtful about the computation. Numbers are rounded by the width of
their interval, its bounds outwards.

==================  ============================================================================
`sentence`          How many died, with the interval and what it rests on.
`table`             All tolls, rounded for print; exact to compute with.
`page`              Everything there is to say, in one HTML file.
`baselines`         What the coding rules of data sets would make of the claims.
`fingerprint`       SHA-256 of the claims in evidence.
`read_csv`          Read back a table of tolls that was written as CSV.
==================  ============================================================================
"""

from tollest.report.files import read_csv
from tollest.report.pages import page
from tollest.report.provenance import fingerprint
from tollest.report.rules import baselines
from tollest.report.sentences import sentence
from tollest.report.tables import TollTable, table

__all__ = ["TollTable", "baselines", "fingerprint", "page", "read_csv", "sentence", "table"]
