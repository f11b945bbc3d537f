"""Cost of the log marginal density."""

import numpy as np

from benchmarks.common import problem
from tollest.model.layout import At
from tollest.model.posterior import Model


class LogDensity:
    """Cost must grow at most linearly in locations, and hardly with the sources."""

    params = ([1, 100, 1000], [8, 50])
    param_names = ("n_locations", "n_sources")

    def setup(self, n_locations, n_sources):
        """Build the problem; compile outside the timed call."""
        self.posterior = Model().given(problem(n_locations, n_sources))
        self.theta = np.array(
            [-1.0 if e.half else getattr(e.mean, "value", 0.0) for e in self.posterior.entries]
        )
        for j, entry in enumerate(self.posterior.entries):
            if isinstance(entry.mean, At):
                self.theta[j] = self.theta[entry.mean.index]
        self.posterior.log_density_and_gradient(self.theta)

    def time_value(self, n_locations, n_sources):
        """Seconds a value: importance sampling makes thousands."""
        self.posterior.log_density(self.theta)

    def time_gradient(self, n_locations, n_sources):
        """Seconds a gradient: sampling makes tens of thousands."""
        self.posterior.log_density_and_gradient(self.theta)
