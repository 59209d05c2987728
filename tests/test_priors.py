"""Are priors what their families say, and are both of their scales the same prior?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from checks import assert_chance_explains
from negsim.calibration.priors import FAMILIES, JointPrior, Prior1D, read_prior
from negsim.parameters import RATES, Belief, Parameter
from negsim.scenario import Prior
from negsim.terms import SHELF

positive = st.floats(0.3, 20)
location = st.floats(-20, 20)
drawn_priors = st.one_of(
    st.builds(Prior1D, st.just("normal"), location, positive),
    st.builds(Prior1D, st.just("lognormal"), positive, st.floats(0.05, 2)),
    st.builds(Prior1D, st.just("beta"), positive, positive),
    st.builds(Prior1D, st.just("gamma"), positive, positive),
    st.builds(lambda low, width: Prior1D("uniform", low, low + width), location, positive),
)
coordinates = st.floats(-5, 5)


def in_scipy(prior: Prior1D):
    """The same distribution as scipy has it."""
    a, b = prior.first, prior.second
    return {
        "normal": lambda: stats.norm(a, b),
        "lognormal": lambda: stats.lognorm(b, scale=a),
        "beta": lambda: stats.beta(a, b),
        "gamma": lambda: stats.gamma(a, scale=1 / b),
        "uniform": lambda: stats.uniform(a, b - a),
    }[prior.family]()


EXAMPLES = [
    Prior1D("normal", -2.0, 3.0),
    Prior1D("lognormal", 0.5, 0.7),
    Prior1D("beta", 0.7, 4.0),
    Prior1D("gamma", 0.5, 2.0),
    Prior1D("uniform", -1.0, 4.0),
]


def test_every_family_has_an_example():
    assert {prior.family for prior in EXAMPLES} == set(FAMILIES)


# -- one prior --------------------------------------------------------------------------------------------------------


@given(drawn_priors, coordinates)
def test_a_coordinate_comes_back(prior: Prior1D, z: float):
    assert float(prior.standardise(prior.value(z))) == pytest.approx(z, abs=1e-6)


@given(drawn_priors, st.floats(1e-6, 1 - 1e-6))
def test_a_value_has_its_probability_below_it(prior: Prior1D, probability: float):
    assert in_scipy(prior).cdf(float(prior.ppf(probability))) == pytest.approx(probability, rel=1e-6)


@given(drawn_priors, coordinates)
def test_densities_and_moments_are_those_of_the_family(prior: Prior1D, z: float):
    exact = in_scipy(prior)
    x = float(prior.value(z))
    assert float(prior.logpdf(x)) == pytest.approx(exact.logpdf(x), rel=1e-9, abs=1e-9)
    assert (prior.mean, prior.sd) == pytest.approx((exact.mean(), exact.std()))


@given(drawn_priors, st.floats(-3, 3))
def test_the_jacobian_is_in_the_change_of_scale(prior: Prior1D, z: float):
    """Density on the one scale, density on the other, and the slope between them: by finite differences."""
    step = 1e-5
    slope = (float(prior.value(z + step)) - float(prior.value(z - step))) / (2 * step)
    joint = JointPrior(["x"], [prior])
    on_its_own_scale = float(joint.logpdf(joint.from_unconstrained([z])))
    assert float(joint.logpdf_unconstrained([z])) == pytest.approx(on_its_own_scale + np.log(slope), abs=1e-5)


@pytest.mark.parametrize("prior", EXAMPLES, ids=lambda prior: prior.family)
def test_outside_its_support_nothing_is_possible(prior: Prior1D):
    outside = [edge + sign for edge, sign in zip(prior.support, (-1, 1), strict=True) if np.isfinite(edge)]
    assert (prior.logpdf(outside) == -np.inf).all()
    assert np.isinf(prior.standardise(outside)).all()


def test_draws_are_from_the_prior():
    rng = np.random.default_rng(1)
    assert_chance_explains(
        {prior.family: stats.kstest(prior.draw(3_000, rng), in_scipy(prior).cdf).pvalue for prior in EXAMPLES}
    )


def test_far_in_the_upper_tail_values_are_still_told_apart():
    beta = Prior1D("beta", 4.0, 4.0)
    assert float(beta.standardise(beta.value(7.5))) == pytest.approx(7.5, abs=1e-3)


@pytest.mark.parametrize(
    ("family", "first", "second"),
    [
        ("normal", 0.0, 0.0),
        ("lognormal", -1.0, 0.5),
        ("beta", 0.0, 1.0),
        ("gamma", 1.0, -1.0),
        ("uniform", 2.0, 2.0),
        ("normal", np.inf, 1.0),
        ("cauchy", 0.0, 1.0),
    ],
)
def test_numbers_that_a_family_cannot_have_are_refused(family: str, first: float, second: float):
    with pytest.raises(ValueError, match=family):
        Prior1D(family, first, second)


# -- how priors are declared ------------------------------------------------------------------------------------------


def test_each_form_of_a_declaration_is_read():
    assert read_prior(Belief("beta", 2.0, 3.0)) == Prior1D("beta", 2.0, 3.0)
    assert read_prior(Prior(family="lognormal", median=2.0, sd=0.5)) == Prior1D("lognormal", 2.0, 0.5)
    assert read_prior(Prior(family="uniform", low=-1.0, high=2.0)) == Prior1D("uniform", -1.0, 2.0)
    assert read_prior(Prior(family="normal", mean=-1.0, sd=2.0)) == Prior1D("normal", -1.0, 2.0)
    assert read_prior(Prior(family="gamma", a=2.0, b=3.0)) == Prior1D("gamma", 2.0, 3.0)
    assert read_prior(Parameter("x", 1.0, "days", "", Belief("gamma", 2.0, 3.0))) == Prior1D("gamma", 2.0, 3.0, "days")


def test_half_a_declaration_is_refused():
    with pytest.raises(ValueError, match="median and sd"):
        read_prior(Prior(family="lognormal", median=2.0))


def test_every_parameter_that_ships_has_a_prior_around_its_default():
    declared = [*RATES.values(), *(parameter for term in SHELF.values() for parameter in term.parameters)]
    assert len(declared) > len(RATES)
    for parameter in declared:
        assert abs(float(read_prior(parameter).standardise(parameter.default))) < 3, parameter.name


# -- several ----------------------------------------------------------------------------------------------------------


@given(st.lists(drawn_priors, min_size=0, max_size=4), st.integers(0, 2**32 - 1))
def test_points_come_back_whatever_their_shape(priors: list[Prior1D], seed: int):
    joint = JointPrior([f"p{place}" for place in range(len(priors))], priors)
    z = np.random.default_rng(seed).uniform(-4, 4, (2, 3, len(priors)))
    theta = joint.from_unconstrained(z)
    assert theta.shape == z.shape
    assert joint.to_unconstrained(theta) == pytest.approx(z, abs=1e-6)
    assert joint.logpdf(theta).shape == (2, 3)


def test_a_joint_prior_is_its_parts():
    joint = JointPrior.declare({prior.family: prior for prior in EXAMPLES})
    draws = joint.draw(50, np.random.default_rng(2))
    expected = sum(in_scipy(prior).logpdf(draws[:, place]) for place, prior in enumerate(EXAMPLES))
    assert joint.logpdf(draws) == pytest.approx(expected)
    assert joint.mean == pytest.approx([in_scipy(prior).mean() for prior in EXAMPLES])
    assert joint.sd == pytest.approx([in_scipy(prior).std() for prior in EXAMPLES])
    medians = [in_scipy(prior).median() for prior in EXAMPLES]
    assert joint.ppf(np.full(len(EXAMPLES), 0.5)) == pytest.approx(medians)


def test_a_prior_is_told_on_scales_that_a_person_can_judge():
    joint = JointPrior(
        ["plan", "half_life", "trust"],
        [
            Prior1D("lognormal", 0.5, 0.7, "per year"),
            Prior1D("lognormal", 365.25, 0.5, "days"),
            Prior1D("beta", 4.0, 4.0, "probability"),
        ],
    )
    assert joint.describe().splitlines() == [
        "plan       lognormal: median 5 events per decade, 90% between 1.58 and 15.8",
        "half_life  lognormal: median 12 months, 90% between 5.27 and 27.3",
        "trust      beta: median 50%, 90% between 22.5 and 77.5",
    ]


def test_what_does_not_fit_is_refused():
    prior = Prior1D("normal", 0.0, 1.0)
    with pytest.raises(ValueError, match="2 names but 1 priors"):
        JointPrior(["a", "b"], [prior])
    with pytest.raises(ValueError, match="twice"):
        JointPrior(["a", "a"], [prior, prior])
    with pytest.raises(ValueError, match="shape"):
        JointPrior(["a", "b"], [prior, prior]).logpdf(np.zeros(3))


@pytest.mark.parametrize(("a", "b"), [(4, 2), (50, 2), (0.5, 0.5), (2, 50), (1, 1)])
def test_a_beta_has_a_value_however_far_out(a: float, b: float):
    z = np.linspace(-60, 60, 3001)
    value = Prior1D("beta", a, b).value(z)
    assert np.isfinite(value).all()
    assert (np.diff(value) >= 0).all()
    thin = special.ndtr(-26.0), special.ndtr(-15.0)  # scipy finds no quantile of the first, and one of the second
    found = Prior1D("beta", a, b).value(np.array([-26.0, -15.0]))
    if found[1] < 0.01:  # far enough out for the power to be all there is
        assert np.log(found[1] / found[0]) == pytest.approx(np.log(thin[1] / thin[0]) / a, rel=0.01)
