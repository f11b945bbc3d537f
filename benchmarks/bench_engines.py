"""Quality of the engines beside their cost."""

import numpy as np

from benchmarks.common import problem
from tollest._progress import Reporter
from tollest.engines import NestedLaplace
from tollest.model.posterior import Model


class DefaultEngine:
    """Effective draws must not be bought with a Pareto k above 0.7 or an R-hat above 1.01."""

    params = ("1x1", "1x3", "30x5")
    param_names = ("size",)
    timeout = 600

    def setup(self, size):
        """Build the problem; compile outside the timed call."""
        self.posterior = Model().given(problem(*map(int, size.split("x")), seed=1))
        self.run()

    def run(self):
        """Draw theta once."""
        return NestedLaplace().run(self.posterior, np.random.default_rng(1), Reporter(False))

    def time_run(self, size):
        """Seconds for all draws of theta."""
        self.run()

    def track_ess(self, size):
        """Effective sample size."""
        return self.run().ess

    def track_pareto_k(self, size):
        """Pareto k; 0 where the engine went on to NUTS."""
        return self.run().pareto_k or 0.0
