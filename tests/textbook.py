"""The model as a textbook would write it in PyMC: tables of location by figure by toll.

Nothing here is shared with the package but its table of claims: masses, bins and sums are
PyTensor's own, and `tests.reference` has nothing of it either. One group of locations.
"""

import os

import numpy as np
import pymc as pm
import pytensor.tensor as pt

COUNT, AT_LEAST, AT_MOST, UNBOUNDED = 0, 2, 3, np.iinfo(np.int64).max
FAR = 1e9  # an edge at infinity, as a number that gradients survive


def bins(largest, breaks, dense=100, width=0.02):
    """First and last toll of each bin: whole numbers to `dense`, then steps of `width`."""
    first = list(range(dense + 1))
    step = width
    while first[-1] < 1e10:
        # Beyond fifty times any claim only the prior is summed, and its mass in a bin is exact.
        step = min(1.1 * step, 0.2) if first[-1] > 50 * max(largest, dense) else width
        first.append(first[-1] + max(1, int(step * first[-1])))
    first = np.union1d(first, breaks).astype(np.int64)
    return first, np.append(first[1:] - 1, UNBOUNDED)


def edges(lower, upper):
    """Edges half a death outwards, and their distance, all on the log1p axis."""
    open_ends = (lower == 0) | (upper == UNBOUNDED)
    low = np.where(lower == 0, -FAR, np.log(np.maximum(lower, 1) + 0.5))
    high = np.where(upper == UNBOUNDED, FAR, np.log(np.minimum(upper, 1e18) + 1.5))
    inside = np.log((np.minimum(upper, 1e18) + 1.5) / (lower + 0.5))
    return low, high, np.where(open_ends, FAR, inside)


def log_mass(interval, m, s):
    """Log of F(b) - F(a) for logistic F, as log F(b) + log(1 - F(a)) + log(1 - exp(a - b))."""
    low, high, distance = interval
    return (
        -pt.softplus(-(high - m) / s) - pt.softplus((low - m) / s) + pt.log1mexp(-distance / s)
    )  # fmt: skip


def effects(name, mean, sd, centred):
    """Source effects around their population, in either form."""
    if centred:
        return pm.Normal(name, mean, sd, dims="source")
    offsets = pm.Normal(f"{name}_z", 0.0, 1.0, dims="source")
    return pm.Deterministic(name, mean + sd * offsets, dims="source")


def textbook(claims, *, centred=False, dense=100, width=0.02, cdf_at=None):
    """Write the default model, as a PyMC model, from a table of claims.

    With `cdf_at`, whole numbers of shape (n_locations, n_numbers), the model also holds
    ``toll_cdf``, the probability of a toll up to each of them given the other unknowns.
    """
    assert not claims.groups
    with pm.Model(coords={"source": claims.sources, "location": claims.locations}) as model:
        mu = pm.Normal("mu", 2.0, 2.0)
        tau = pm.HalfNormal("tau", 1.0)
        bias = effects("bias", 0.0, pm.HalfNormal("bias_sd", 0.3), centred)
        scatter_mean = pm.Normal("log_scatter_mean", np.log(0.15), 0.5)
        scatter_sd = pm.HalfNormal("log_scatter_sd", 0.5)
        log_scatter = effects("log_scatter", scatter_mean, scatter_sd, centred)
        repeat_mean = pm.Normal("logit_repeat_mean", 0.0, 1.5)
        repeat_sd = pm.HalfNormal("logit_repeat_sd", 1.0)
        logit_repeat = effects("logit_repeat", repeat_mean, repeat_sd, centred)
        log_figure_scatter = pm.Normal("log_figure_scatter", np.log(0.15), 0.5)
        common_bias = pm.Normal("common_bias", 0.0, 0.1)
        near = None
        if max(np.add.reduceat(claims.kind == COUNT, claims.offsets[:-1]), default=0) > 1:
            near = pm.Normal("logit_near_copy", -1.4, 1.0)
            near = (near, pt.exp(pm.Normal("log_copy_scatter", np.log(0.005), 0.7)))
        parts = (mu, tau, bias, log_scatter, logit_repeat, log_figure_scatter, common_bias)
        if np.isin(claims.kind, (AT_LEAST, AT_MOST)).any():
            parts += (pt.exp(pm.Normal("log_shortfall", np.log(0.5), 0.7)),)
        else:
            parts += (1.0,)
        if claims.documented.any():
            parts += (pt.exp(pm.Normal("log_list_shortfall", np.log(0.5), 0.8)),)
        else:
            parts += (1.0,)
        if ((claims.kind == COUNT) & (claims.lower == 0)).any():
            denial_mean = pm.Normal("logit_denial_mean", -4.6, 1.0)
            denial_sd = pm.HalfNormal("logit_denial_sd", 0.5)
            parts += (effects("logit_denial", denial_mean, denial_sd, centred),)
        else:
            parts += (None,)
        if np.isfinite(claims.age).any():
            early = ((1.7, 0.4), (0.2, 0.5), (1.6, 0.5))
            names = ("log_early_shortfall", "log_early_excess", "log_halving")
            parts += (tuple(
                pt.exp(pm.Normal(name, np.log(centre), sd))
                for name, (centre, sd) in zip(names, early, strict=True)
            ),)  # fmt: skip
        else:
            parts += (None,)
        is_known = (claims.verified >= 0).any()
        error = pt.exp(pm.Normal("log_location_error", np.log(0.1), 0.7)) if is_known else None
        parts += (error, near)
        first, last, joint = log_joint(claims, parts, dense, width)
        marginal = pt.logsumexp(joint, axis=1)
        pm.Potential("log_likelihood", pt.sum(marginal))
        if cdf_at is not None:
            masses = pt.exp(joint - marginal[:, None])
            shares = pt.as_tensor(share_up_to(first, last, np.asarray(cdf_at)))
            pm.Deterministic("toll_cdf", (shares * masses[:, None, :]).sum(-1))
    return model


def log_joint(claims, parts, dense, width):
    """First and last toll of each bin, and log P(claims, toll in bin), location by bin."""
    mu, tau, common_bias = parts[0], parts[1], parts[6]
    list_shortfall, early, error = parts[8], parts[10], parts[11]
    low, high, floor = claims.lower, claims.upper, claims.documented
    known, cap = claims.verified, claims.cap
    breaks = np.concatenate([floor, known[known >= 0], known + 1, cap[cap < UNBOUNDED] + 1])
    largest = max([*low, *high[high < UNBOUNDED], *floor, *known, 0])
    first, last = bins(int(largest), breaks, dense, width)
    middle = np.sqrt((first + 0.5) * (np.minimum(last, first * 2.0) + 1.5)) - 1.0
    plain = np.log1p(np.where(first == last, first, middle))
    x = plain + common_bias

    # Tolls: a row a location, with what is certain cut away.
    impossible = (last < floor[:, None]) | (first > cap[:, None])
    impossible |= (known[:, None] >= 0) & ((last < known[:, None]) | (first > known[:, None]))
    below_cap = log_mass(edges(np.zeros_like(cap), cap), mu, tau)
    toll = log_mass(edges(first, last), mu, tau) - below_cap[:, None]
    joint = pt.switch(impossible, -np.inf, toll)
    if floor.any():
        # What a list lacks is exponential: of the toll itself it has no more than all.
        below, above, _ = (part[:, None] for part in edges(floor, floor))
        inside = (pt.minimum(x - common_bias, above) - below) / list_shortfall
        beyond = pt.maximum(x - common_bias - above, 0.0) / list_shortfall
        listed = pt.log1mexp(-pt.maximum(inside, 1e-9)) - beyond
        joint += pt.switch((floor > 0)[:, None], listed, 0.0)
    if not claims.n_claims:
        return first, last, joint

    # Claims of one age on a location have a figure of their own: a block for each.
    of_claim = np.repeat(np.arange(claims.n_locations), np.diff(claims.offsets))
    blocks, where = np.unique(
        np.column_stack([of_claim, claims.age]), axis=0, return_inverse=True
    )  # fmt: skip
    where = where.ravel()
    said = log_said(claims, parts, (first, plain), where, len(blocks))
    location, age = blocks[:, 0].astype(int), blocks[:, 1]
    late = np.isinf(age)
    of_final = pt.zeros_like(joint)[location[late]].inc(said[late])
    for i in np.unique(location[~late]):
        # Blocks are sorted by age, the earliest first.
        mine = np.flatnonzero((location == i) & ~late)
        of_final = of_final[i].inc(log_known(said, mine, age[mine], early, first, plain))
    if error is not None:
        # What all claims on a location share: up, then down, from what is known in the end.
        for sign in (-1, 1):
            edge = cells(first, sign)
            of_final = pt.stack([
                log_sum_before(of_final[i], error, sign * plain, *edge)
                for i in range(claims.n_locations)
            ])  # fmt: skip
    return first, last, joint + of_final


def log_known(said, blocks, ages, early, first, x):
    """Log probability of claims of early ages on one location, at each toll."""
    shortfall, excess, halving = early
    known = 0.0
    for block, age, later in zip(blocks.tolist(), ages, [*ages[1:], np.inf], strict=True):
        known = known + said[block]
        scale = shortfall / (1 + age / halving)
        for amount, sign in ((excess * scale, -1), (scale, 1)):
            moved = log_sum_before(known, amount, sign * x, *cells(first, sign))
            stay = (halving + age) / (halving + later)
            known = moved if later == np.inf else pt.logaddexp(
                pt.log(stay) + known, pt.log1p(-stay) + moved
            )  # fmt: skip
    return known


def cells(first, sign):
    """Edges of the bins; mirrored where the sign is negative."""
    lower = np.where(first == 0, -FAR, np.log(np.maximum(first, 1) + 0.5))
    upper = np.append(lower[1:], FAR)
    return (lower, upper) if sign > 0 else (-upper, -lower)


def log_sum_before(known, scale, x, lower, upper):
    """Sum over numbers known before, by an exponential amount from each."""
    nearest = np.maximum(x[:, None] - upper, 0.0)
    furthest = np.maximum(x[:, None] - lower, 0.0)
    is_before = furthest > nearest
    inside = np.where(is_before, furthest - nearest, 1.0)
    terms = known[None, :] - nearest / scale + pt.log1mexp(-inside / scale)
    return pt.logsumexp(pt.switch(is_before, terms, -np.inf), axis=1)


def log_said(claims, parts, tolls, where, n_blocks):
    """Log probability of the claims of each block at each bin, their figure summed out."""
    _, _, bias, log_scatter, logit_repeat, log_figure_scatter, common_bias = parts[:7]
    first, plain = tolls
    x = plain + common_bias
    (shortfall, _, logit_denial), near = parts[7:10], parts[12]
    low, high = claims.lower, claims.upper
    joint = pt.zeros((n_blocks, x.shape[0]))

    # A source's own claims: a row a claim.
    s = claims.source_index
    centre, scatter = x + bias[s][:, None], pt.exp(log_scatter[s])[:, None]
    interval = tuple(part[:, None] for part in edges(low, high))
    own = log_mass(interval, centre, scatter)
    for kind, said, sign in ((AT_LEAST, low, -1.0), (AT_MOST, high, 1.0)):
        rows = np.flatnonzero(claims.kind == kind)
        if rows.size:
            number = tuple(part[:, None] for part in edges(said[rows], said[rows]))
            of_counts = log_mass(number, centre[rows], scatter[rows])
            # A bound is of a number that falls short of the toll, or exceeds it.
            own = own[rows].set(pt.stack([
                log_sum_before(of_counts[i], shortfall, -sign * plain, *cells(first, -sign))
                for i in range(rows.size)
            ]))  # fmt: skip
    if logit_denial is not None:
        zero = np.flatnonzero((claims.kind == COUNT) & (high == 0))
        denial = logit_denial[s]
        whatever = denial + pt.softplus(logit_repeat[s])
        own = own[zero].set(pt.logaddexp(own[zero], whatever[zero][:, None]))
        joint = joint[where].inc(-pt.softplus(denial)[:, None])
    is_count = claims.kind == COUNT
    odds = logit_repeat[s][:, None]
    independent = own - pt.softplus(odds) * is_count[:, None]  # times 1 - omega
    joint = joint[where].inc(independent)
    if not is_count.any():
        return joint

    # Figures: a row for each number that the counts of a location name.
    named, which = np.unique(np.column_stack([where, low])[is_count], axis=0, return_inverse=True)
    interval = tuple(part[:, None] for part in edges(named[:, 1], named[:, 1]))
    figure = log_mass(interval, x, pt.exp(log_figure_scatter))
    gain = odds - own
    if near is None:
        stated = figure[which.ravel()].inc(pt.softplus(gain)[is_count])
        terms = [stated]
    else:
        terms = log_copied(near, gain, figure, np.flatnonzero(is_count), which.ravel(), named)
    # Whatever else does the rounds leaves the sources to themselves.
    any_named = pt.zeros_like(joint)[named[:, 0]].inc(pt.exp(figure))
    other = pt.log1p(-pt.minimum(any_named, 1.0 - 1e-15))
    # Each location's figures side by side, as many slots as the most have.
    slot = np.arange(len(named)) - np.searchsorted(named[:, 0], named[:, 0])
    n_slots = slot.max() + 1
    slots = pt.full((n_blocks, len(terms) * n_slots, x.shape[0]), -np.inf, dtype="float64")
    for k, term in enumerate(terms):
        slots = slots[named[:, 0], slot + k * n_slots].set(term)
    return joint + pt.logsumexp(pt.concatenate([other[:, None], slots], axis=1), 1)


def log_copied(near, gain, figure, rows, which, named):
    """Log of each figure with all claims of its block: where it is stated, and where it is not.

    `gain` is the log of the odds of repeating over a claim's own mass; `rows` are the counts,
    `which` the figure of each, and `named` block and number of each figure.
    """
    logit, scatter = near
    log_share, number = pt.log(pt.sigmoid(logit)), named[:, 1]
    same = log_mass(edges(number, number), np.log1p(number), scatter)
    log_changed = log_share + pt.log1mexp(pt.minimum(same, -1e-12))
    log_unchanged = pt.log1mexp(pt.minimum(log_changed, -1e-12))

    def added(claims, figures, log_copy):
        gains = pt.softplus(gain[claims] + log_copy[:, None])
        return pt.zeros_like(figure)[figures].inc(gains)

    exact = added(rows, which, log_unchanged[which])
    reverted = added(rows, which, log_changed[which])
    # Claims that state another figure of their block.
    c, g = np.nonzero((named[which, 0][:, None] == named[:, 0]) & (which[:, None] != np.arange(
        len(named)
    )))  # fmt: skip
    others = pt.zeros_like(figure)
    if c.size:
        of_claim = number[which[c]]
        log_near = log_share + log_mass(edges(of_claim, of_claim), np.log1p(number[g]), scatter)
        others = added(rows[c], g, log_near)
    stated = figure + others + pt.log(pt.expm1(pt.maximum(exact, 1e-300)))
    return [stated, figure + reverted]


def share_up_to(first, last, numbers):
    """Share of each bin that lies at or below each number, evenly on the log1p axis."""
    n = numbers[..., None]
    end = np.log((np.clip(n, first, np.minimum(last, first * 2.0)) + 1.5) / (first + 0.5))
    full = np.log((np.minimum(last, first * 2.0) + 1.5) / (first + 0.5))
    return np.where(n < first, 0.0, np.where(n >= last, 1.0, end / full))


def sample(model, *, draws=1000, tune=1000, chains=4, rng=1, target_accept=0.95):
    """Draw from a model by nutpie."""
    return pm.sample(
        draws, tune=tune, chains=chains, cores=min(chains, os.cpu_count() or 1), model=model,
        random_seed=rng, target_accept=target_accept, nuts_sampler="nutpie", progressbar=False,
        quiet=True, compute_convergence_checks=False,
    )  # fmt: skip
