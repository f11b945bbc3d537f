"""Whether an estimate's assumptions hold: leaving out, replicating, and moving priors.

Each function asks one question. Those that estimate anew say so.

==========================  ====================================================================
`audit`                     What does each claim on a location do to its toll?
`identification`            What can claims alone not tell, and how much depends on it?
`sensitivity`               How do tolls move under other assumptions? Estimates anew.
`loo`                       Which locations does the rest not foresee?
`loo_by_source`             Which sources does the rest not foresee?
`posterior_predictive`      Do drawn claims agree, differ and round as the real ones do?
`residual_correlation`      Which sources go together more than the model explains?
`prior_data_conflict`       Which prior do the claims contradict?
`unlisted`                  How many incidents are told of by nobody, and how many died in them?
`power_scaling`             Which tolls move when priors are given more weight, or less?
==========================  ====================================================================
"""

from tollest.diagnostics.alternatives import Sensitivity, sensitivity, usual_alternatives
from tollest.diagnostics.audits import Audit, audit
from tollest.diagnostics.identifiability import Identification, identification
from tollest.diagnostics.leaving_out import Loo, loo, loo_by_source
from tollest.diagnostics.prior_checks import power_scaling, prior_data_conflict
from tollest.diagnostics.replication import (
    Statistic,
    posterior_predictive,
    residual_correlation,
    statistics,
)
from tollest.diagnostics.unlisted import Unlisted, unlisted

__all__ = [
    "Audit",
    "Identification",
    "Loo",
    "Sensitivity",
    "Statistic",
    "Unlisted",
    "audit",
    "identification",
    "loo",
    "loo_by_source",
    "posterior_predictive",
    "power_scaling",
    "prior_data_conflict",
    "residual_correlation",
    "sensitivity",
    "statistics",
    "unlisted",
    "usual_alternatives",
]
