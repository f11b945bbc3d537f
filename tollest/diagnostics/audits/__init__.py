r"""What each claim on a location does to its toll: leaving out one claim at a time.

With draws of theta from the posterior of all claims, the posterior without claim `j` on location
`i` weighs each draw by

.. math:: w_j(\theta) \propto
    \frac{p(\text{claims}_i \text{ without } j \mid \theta)}{p(\text{claims}_i \mid \theta)},

tolls and figures summed out. Weights are Pareto-smoothed [1]_, and the toll's mass function
without the claim is exact given each draw. A floor or a verified toll that is left out no longer
truncates. Where the draws do not reach, as Pareto's k says, theta can be drawn anew without the
claim.

The predictive distribution of the claim left out is that of a count by its source, given the
toll, the figure in circulation and the source's habits as the other claims leave them. A claim of
the whole numbers from `l` to `u` has the mid-p

.. math:: m = P(Y < l) + \tfrac12 P(l \le Y \le u), \qquad p = 2 \min(m, 1 - m),

the cross-validatory mixed predictive check of [2]_ and the conflict diagnostic of [3]_. For a
bound from below `p` is the probability of so much or more, for one from above of so few or fewer.
For documented and verified deaths, which do not err, `Y` is the toll itself.

References
----------
.. [1] Vehtari, A., Simpson, D., Gelman, A., Yao, Y., Gabry, J. (2024). Pareto smoothed importance
   sampling. *Journal of Machine Learning Research* 25(72), 1-58.
   https://doi.org/10.48550/arXiv.1507.02646
.. [2] Marshall, E. C., Spiegelhalter, D. J. (2007). Identifying outliers in Bayesian hierarchical
   models: a simulation-based approach. *Bayesian Analysis* 2(2), 409-444.
   https://doi.org/10.1214/07-BA218
.. [3] Presanis, A. M., Ohlssen, D., Spiegelhalter, D. J., De Angelis, D. (2013). Conflict
   diagnostics in directed acyclic graphs, with applications in Bayesian evidence synthesis.
   *Statistical Science* 28(3), 376-397. https://doi.org/10.1214/13-STS426
"""

from tollest.diagnostics.audits.leaving_out import Refits, audit
from tollest.diagnostics.audits.result import Audit

__all__ = ["Audit", "Refits", "audit"]
