"""Checklists of BARG and GATHER, filled from the fit as far as it knows.

Items are paraphrased; the guidelines themselves say what each asks.

References
----------
.. [1] Kruschke, J. K. (2021). Bayesian analysis reporting guidelines. *Nature Human Behaviour*
   5, 1282-1291. https://doi.org/10.1038/s41562-021-01177-7
.. [2] Stevens, G. A. et al. (2016). Guidelines for Accurate and Transparent Health Estimates
   Reporting: the GATHER statement. *The Lancet* 388(10062), e19-e23.
   https://doi.org/10.1016/S0140-6736(16)30388-9
"""

from dataclasses import dataclass

import numpy as np

from tollest import _text
from tollest.estimation.results import Estimate
from tollest.priors import Never

AUTHOR = "For the author to write."
BARG = "https://doi.org/10.1038/s41562-021-01177-7"
GATHER = "https://doi.org/10.1016/S0140-6736(16)30388-9"


@dataclass(frozen=True)
class Item:
    """One item of a checklist.

    Attributes
    ----------
    number : str
        As the guideline numbers it; of BARG's last three steps the step alone.
    asks : str
        What it asks for, paraphrased.
    answer : str
        What the fit says to it, and where on the page; empty where it says nothing.
    wants : str
        What is left for the author; empty where nothing is.
    """

    number: str
    asks: str
    answer: str = ""
    wants: str = ""


# The two checklists are tables of items, longer than a function should be and read as one.
def barg(estimate: Estimate, ci_prob: float, ci_kind: str, *, has_sensitivity: bool) -> list[Item]:
    """Items of the Bayesian analysis reporting guidelines, as filled from an estimate."""
    claims, theta = estimate.claims, estimate.theta
    sampled = theta.rhat is not None
    seed = "Seed and code: Reproduction." if estimate.seed is not None else ""
    tested = "Tolls under other assumptions: Sensitivity." if has_sensitivity else ""
    run = (
        ""
        if has_sensitivity
        else "Run te.diagnostics.sensitivity(claims) and give it to the page. "
    )
    why = "Why each prior was chosen"
    return [
        Item("Preamble A", "Why a Bayesian analysis", wants=AUTHOR),
        Item(
            "Preamble B",
            "Goals of the analysis",
            f"To estimate {_text.plural(claims.n_locations, 'toll')} from claims that disagree.",
            "What the tolls are for.",
        ),
        Item(
            "1A",
            "Data variables",
            f"{_evidence(estimate)} Claims and claims set aside: Evidence.",
            "Who was counted, and in what period.",
        ),
        Item(
            "1B",
            "Likelihood and parameters",
            "Model. The tolls are of interest; biases, scatters and repeat probabilities of "
            "sources, partially pooled, are ancillary.",
        ),
        Item("1C", "Prior distributions, and their justification", "Model.", f"{why}."),
        Item("1D", "Formal specification", "Model, as formulae; Reproduction, as code."),
        Item(
            "1E",
            "Prior predictive check",
            wants="Run te.simulation under the model, and say whether such tolls are plausible.",
        ),
        Item("2A", "Software", "Versions: Reproduction."),
        Item(
            "2B",
            "Convergence of chains",
            f"R-hat {theta.rhat:.3f} at most; Computation."
            if theta.rhat is not None
            else "No chains: importance sampling. See 2D.",
        ),
        Item(
            "2C", "Resolution of chains", f"Effective sample size {theta.ess:,.0f}; Computation."
        ),
        Item(
            "2D",
            "If not by MCMC",
            "By MCMC." if sampled else f"{theta.summary[0].upper()}{theta.summary[1:]}.",
        ),
        Item(
            "3A",
            "Posterior predictive check",
            wants="Run te.diagnostics.posterior_predictive(estimate).",
        ),
        Item(
            "3B",
            "Summary of the posterior",
            f"Medians with {_text.interval(ci_prob, ci_kind)}s: Answer. Sources: equal-tailed.",
        ),
        Item("3C", "Bayes factors and probabilities of models", "None: no models are compared."),
        Item("4", "Decisions and their criteria", "None is taken here.", AUTHOR),
        Item(
            "5",
            "Sensitivity where priors are broad",
            tested,
            f"{run}Say what it shows.",
        ),
        Item(
            "5",
            "Sensitivity where priors inform",
            "How far tolls hang on the common bias and its prior: Identification. " + tested,
            f"{run}Say what it shows.",
        ),
        Item(
            "5",
            "Sensitivity where priors are defaults",
            "Model. " + tested,
            f"{run}Say what it shows.",
        ),
        Item("5", "Sensitivity of Bayes factors and probabilities of models", "None is used."),
        Item("5", "Sensitivity of decisions", "None is taken here.", AUTHOR),
        Item("6", "Software and its installation", "Versions: Reproduction."),
        Item(
            "6",
            "Script and data",
            "Code, and a hash that the claims can be checked by: Reproduction.",
            "Where the claims and the script are.",
        ),
        Item("6", "Script that people can read", "Reproduction."),
        Item("6", "Auxiliary files", wants="A file by estimate.save(), if draws are to be kept."),
        Item("6", "Script that runs as it is", "Reproduction.", "The path of the claims."),
        Item(
            "6",
            "Draws that can be had again",
            seed,
            "" if seed else "No seed was kept: publish a file written by estimate.save().",
        ),
        Item("6", "Graphics that can be had again", "Drawn from the fit, by the same code."),
    ]


def gather(
    estimate: Estimate, ci_prob: float, ci_kind: str, *, has_sensitivity: bool
) -> list[Item]:
    """Items of the GATHER statement, as filled from an estimate."""
    claims = estimate.claims
    n_excluded = len(claims.excluded)
    tested = "Other assumptions: Sensitivity. " if has_sensitivity else ""
    never = isinstance(estimate.model.priors.logit_repeat, Never)
    copying = "not modelled" if never else "modelled by the figure in circulation"
    return [
        Item(
            "1",
            "Indicator, population and period",
            f"Deaths at {_text.plural(claims.n_locations, 'location')}.",
            "Of whom, where, and from when to when.",
        ),
        Item("2", "Funding", wants=AUTHOR),
        Item("3", "How data were found and had", wants=AUTHOR),
        Item(
            "4",
            "Criteria of inclusion, and exclusions",
            f"{_text.plural(n_excluded, 'claim')} set aside, each with its reason: Evidence.",
            "Why the sources were chosen.",
        ),
        Item(
            "5",
            "Sources of data and what they are like",
            f"{_evidence(estimate)} Sources, Evidence.",
            "How each source counts, and a reference to it.",
        ),
        Item(
            "6",
            "Data that may be biased",
            f"Bias and scatter of every source are estimated: Sources. Copying is {copying}. A "
            "bias common to all is not told by claims: Identification.",
            "What is known of the sources beyond that.",
        ),
        Item("7", "Other data", "None but documented and verified deaths and caps.", AUTHOR),
        Item("8", "Data in a form to compute with", wants="The table of claims, as a file."),
        Item("9", "Overview of the method", "What the numbers mean; Model."),
        Item("10", "All steps, with formulae", "Model, Evidence, Computation."),
        Item("11", "How models were compared and chosen", wants=AUTHOR),
        Item(
            "12",
            "Performance, and sensitivity",
            f"{tested}Computation.",
            "te.calibration and te.diagnostics for these claims.",
        ),
        Item(
            "13",
            "How uncertainty was computed, and what it covers",
            f"{_text.interval(ci_prob, ci_kind).capitalize()}s from the posterior: errors, biases "
            "and copying of sources, a common bias by its prior. Not covered: the choice of "
            "model, claims nobody recorded, errors in reading them.",
        ),
        Item(
            "14",
            "Code",
            "Reproduction. The library is tollest, under the BSD 3-Clause licence.",
            "Where the script is.",
        ),
        Item(
            "15",
            "Estimates in a form to compute with",
            wants="A file by te.report.table(estimate).csv(path) or .parquet(path).",
        ),
        Item(
            "16", "Uncertainty of the estimates", f"{_text.interval(ci_prob, ci_kind)}s: Answer."
        ),
        Item("17", "Estimates beside other evidence", wants=AUTHOR),
        Item(
            "18",
            "Limitations",
            "What the numbers mean; Identification.",
            "Limits of these claims.",
        ),
    ]


def _evidence(estimate: Estimate) -> str:
    claims = estimate.claims
    n = int(claims.claims_per_location.sum())
    n_silent = int(np.count_nonzero(claims.claims_per_location == 0))
    return (
        f"{_text.plural(n, 'claim')} in evidence; {_text.plural(claims.n_sources, 'source')} that "
        f"may err; {_text.plural(n_silent, 'location')} nobody reported on."
    )
