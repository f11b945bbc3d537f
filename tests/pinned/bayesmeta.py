"""A normal random-effects synthesis by bayesmeta and by quadrature: bayesmeta.json.

bayesmeta's numbers come from R; with the inputs ``y`` and ``sigma`` of a set they are those of::

    fit <- bayesmeta(y, sigma, tau.prior = function(t) dhalfnormal(t, scale = 0.5),
                     mu.prior.mean = NA, mu.prior.sd = NA)   # normal: the mean below, and sd 2
    fit$qposterior(mu.p = q); fit$qposterior(tau.p = q)
    fit$qposterior(mu.p = q, predict = TRUE); fit$qposterior(theta.p = q, individual = i)

They are mixtures over a grid of tau, good to some thousandths of a posterior standard deviation.
The quadrature here has no such error. Regenerate from the root of the repository, in seconds, with
a JSON file of R's output::

    python -m tests.pinned.bayesmeta OUTPUT
"""

import itertools
import json
import platform
import sys
from pathlib import Path

import numpy as np
import scipy
from scipy import optimize, special

TARGET = Path(__file__).with_name("bayesmeta.json")
Q = (0.025, 0.5, 0.975)
TAU_SCALE = 0.5
MU_SDS = {"flat": np.inf, "normal": 2.0}
NAMES = {"flat": "flat_mu_prior_interval_shortest", "normal": "normal_mu_prior"}
PANELS = np.array([0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 4.0])  # of tau: 8 prior sds in all
NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)


class Synthesis:
    """Normal random effects, integrated over tau by Gauss-Legendre panels; mu is analytic."""

    def __init__(self, y, sigma, mean, sd):
        self.y, self.sigma, self.mean, self.precision = y, sigma, mean, sd**-2.0
        panels = [self._panel(a, b) for a, b in itertools.pairwise(PANELS)]
        self.tau = np.concatenate([tau for tau, _ in panels])
        mass = np.concatenate([mass for _, mass in panels])
        self.total, self.weights = mass.sum(), mass / mass.sum()

    def _panel(self, a, b):
        """Nodes of tau between `a` and `b`, and the posterior mass each stands for."""
        tau = a + (b - a) * (NODES + 1) / 2
        centre, spread = self._mu_given(tau)
        v = self.sigma**2 + tau[:, None] ** 2
        misfit = (self.y**2 / v).sum(axis=1) + self.precision * self.mean**2
        log_density = (
            np.log(spread) - 0.5 * (np.log(v).sum(axis=1) + misfit - (centre / spread) ** 2)
        ) - 0.5 * (tau / TAU_SCALE) ** 2
        return tau, np.exp(log_density) * WEIGHTS * (b - a) / 2

    def _mu_given(self, tau):
        """Mean and sd of mu given each tau."""
        v = self.sigma**2 + tau[:, None] ** 2
        precision = (1 / v).sum(axis=1) + self.precision
        centre = ((self.y / v).sum(axis=1) + self.precision * self.mean) / precision
        return centre, precision**-0.5

    def tau_quantiles(self):
        def below(t):
            k = int(np.searchsorted(PANELS, t)) - 1
            return sum(
                self._panel(a, min(b, t))[1].sum() for a, b in itertools.pairwise(PANELS[: k + 2])
            )

        return [
            optimize.brentq(lambda t, q=q: below(t) / self.total - q, 1e-9, 3.9, xtol=1e-12)
            for q in Q
        ]

    def _mixed(self, centre, spread):
        """Quantiles and sd of a mixture of normals over tau."""

        def below(x):
            return self.weights @ special.ndtr((x - centre) / spread)

        quantiles = [
            optimize.brentq(lambda x, q=q: below(x) - q, -20.0, 40.0, xtol=1e-12) for q in Q
        ]
        mean = self.weights @ centre
        return quantiles, np.sqrt(self.weights @ (spread**2 + (centre - mean) ** 2))

    def answers(self):
        """Quantiles `Q` and posterior sds of mu, tau, every study's effect and a new one."""
        centre, spread = self._mu_given(self.tau)
        mean = self.weights @ self.tau
        found = {
            "mu": self._mixed(centre, spread),
            "tau": (self.tau_quantiles(), np.sqrt(self.weights @ (self.tau - mean) ** 2)),
            "new": self._mixed(centre, np.hypot(spread, self.tau)),
        }
        effects = []
        for y, sigma in zip(self.y, self.sigma, strict=True):
            share = self.tau**2 / (self.tau**2 + sigma**2)
            effects.append(
                self._mixed(
                    share * y + (1 - share) * centre,
                    np.hypot(np.sqrt(share) * sigma, (1 - share) * spread),
                )
            )
        quantiles = {name: value for name, (value, _) in found.items()}
        sds = {name: float(value) for name, (_, value) in found.items()}
        return (
            quantiles | {"theta": [value for value, _ in effects]},
            sds | {"theta": [float(value) for _, value in effects]},
        )


def three(quantiles) -> list:
    return [quantiles[name] for name in ("q2.5", "q50", "q97.5")]


def regenerate(output: dict) -> dict:
    """Both answers for every set of inputs and both priors of mu."""
    sets = {}
    for name, of in output["sets"].items():
        mean = of["normal_mu_prior"]["mu_prior_mean"]
        sets[name] = {"y": of["y"], "sigma": of["sigma"], "mu_prior_mean": mean}
        for prior, sd in MU_SDS.items():
            theirs = of[NAMES[prior]]
            synthesis = Synthesis(np.array(of["y"]), np.array(of["sigma"]), mean, sd)
            quantiles, sds = synthesis.answers()
            sets[name][prior] = {
                "quadrature": quantiles,
                "bayesmeta": {
                    "mu": three(theirs["mu_q"]),
                    "tau": three(theirs["tau_q"]),
                    "new": three(theirs["pred_q"]),
                    "theta": [three(effect) for effect in theirs["theta_i_central"]],
                },
                "sd": sds,
            }
    return {
        "about": "Normal random-effects synthesis of estimates y with standard errors sigma: "
        "quantiles of the mean mu, of the heterogeneity tau ~ HalfNormal(0.5), of every study's "
        "effect theta and of a new study's. mu has a flat prior, or a normal one with mean "
        "mu_prior_mean and sd 2. sd: posterior standard deviations, by quadrature.",
        "command": "python -m tests.pinned.bayesmeta OUTPUT",
        "versions": {
            "R": output["R"],
            "bayesmeta": output["bayesmeta"],
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
        "q": Q,
        "sets": sets,
    }


if __name__ == "__main__":
    found = regenerate(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    TARGET.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
