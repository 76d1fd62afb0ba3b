"""Ceilings: claimed only when the data tell of one; scaling curves find the form they were drawn from."""

import numpy as np
import pytest

from assay.statistics.growth import ceiling
from assay.statistics.scaling import Form, fit_curves, prediction_band

DOSES = np.array([50, 100, 200, 400, 800, 1600, 3200.0])


def series(share, seed):
    times = np.linspace(np.log(0.005 / 0.995), np.log(share / (1 - share)), 12)
    noise = np.random.default_rng(seed).normal(0, 0.1, 12)
    return times, np.exp(noise) / (1 + np.exp(-times))


# Of 40 series each: how often no upper end, the median lower end, how often AICc prefers the exponential. Published
# lower ends are points of a coarse grid inside the interval; ours cross the limit, so they are a little lower.
PUBLISHED = {
    0.05: (0.95, 0.105, 0.97),
    0.10: (0.93, 0.287, 0.97),
    0.20: (0.78, 0.47, 0.82),
    0.35: (0.42, 0.61, 0.47),
    0.50: (0.03, 0.78, 0.05),
    0.70: (0.00, 0.78, 0.00),
}


def test_a_ceiling_is_claimed_only_when_half_of_it_was_seen():
    found = {share: [ceiling(*series(share, seed)) for seed in range(40)] for share in PUBLISHED}
    for share, (unbounded, lower, prefers) in PUBLISHED.items():
        fits = found[share]
        assert np.mean([not each.bounded for each in fits]) == pytest.approx(unbounded, abs=0.12), share
        assert lower - 0.12 <= np.median([each.low for each in fits]) <= lower + 0.03, share
        assert np.mean([each.aicc_exponential < each.aicc_logistic for each in fits]) == pytest.approx(
            prefers, abs=0.12
        )
    assert np.mean([not each.bounded for each in found[0.1]]) >= 0.85
    assert np.mean([not each.bounded for each in found[0.5]]) <= 0.10
    covered = [each.low <= 1 <= each.high for fits in found.values() for each in fits]
    assert 0.90 <= np.mean(covered) <= 0.98


def test_with_few_points_f_is_wider_than_chi_squared():
    usual, wide = (ceiling(*series(0.7, 0), small_sample=each) for each in (False, True))
    assert wide.low < usual.low < usual.high < wide.high
    assert wide.best == usual.best


def test_time_may_have_any_unit_and_origin():
    times, values = series(0.7, 0)
    one, other = ceiling(times, values), ceiling(20_000 + 30 * times, values)
    assert other.low == pytest.approx(one.low, rel=1e-4)
    assert other.high == pytest.approx(one.high, rel=1e-4)
    assert other.rate == pytest.approx(one.rate / 30, rel=1e-3)
    assert other.midpoint == pytest.approx(20_000 + 30 * one.midpoint, rel=1e-3)


@pytest.mark.parametrize("values", [[1, 2, 3, 4], [1, 2, -3, 4, 5], [1, 2, np.nan, 4, 5]])
def test_a_series_that_says_nothing_is_refused(values):
    with pytest.raises(ValueError, match=r"points|above 0"):
        ceiling(np.arange(len(values)), values)


CURVES = {
    Form.POWER: 0.6 - 0.55 * (DOSES / 50) ** -0.5,
    Form.LOG_LINEAR: 0.05 + 0.08 * np.log(DOSES / 50),
    Form.EXPONENTIAL: 0.5 - 0.45 * np.exp(-DOSES / 500),
    Form.LOGISTIC: 0.5 / (1 + np.exp(-1.5 * np.log(DOSES / 400))),
}


@pytest.mark.parametrize("form", list(Form))
def test_the_form_that_made_the_points_is_found_without_noise(form):
    fits = {fit.form: fit for fit in fit_curves(DOSES, CURVES[form], np.full(7, 0.01))}
    assert fits[form].loss == pytest.approx(0.0, abs=1e-3)
    assert np.allclose(fits[form].at(DOSES), CURVES[form], atol=1e-3)
    assert min(fits.values(), key=lambda fit: fit.loss).form is form


def test_points_on_a_straight_line_in_log_dose_tell_no_ceiling_and_bent_ones_do():
    errors = np.full(7, 0.01)
    straight = {fit.form: fit for fit in fit_curves(DOSES, CURVES[Form.LOG_LINEAR], errors)}
    assert not any(fit.identified for fit in straight.values())
    assert straight[Form.POWER].high == pytest.approx(1.0)
    bent = {fit.form: fit for fit in fit_curves(DOSES, CURVES[Form.EXPONENTIAL], errors)}
    assert bent[Form.EXPONENTIAL].identified
    assert bent[Form.EXPONENTIAL].low < 0.5 < bent[Form.EXPONENTIAL].high


def test_the_interval_of_a_ceiling_covers_it():
    inside = 0
    for seed in range(60):
        noise = np.random.default_rng(seed).normal(0, 0.01, 7)
        fits = fit_curves(DOSES, np.clip(CURVES[Form.EXPONENTIAL] + noise, 0, 1), np.full(7, 0.01))
        fit = next(fit for fit in fits if fit.form is Form.EXPONENTIAL)
        inside += fit.low <= 0.5 <= fit.high
    assert inside >= 53  # 88 %: 57 are expected


def test_a_prediction_has_an_interval_of_tasks_and_seeds():
    rng = np.random.default_rng(0)
    ease = rng.beta(1, 1.5, size=200)
    scores = [(rng.random((3, 200)) < ease * (1 - 0.9 * (dose / 50) ** -0.4)).astype(float) for dose in DOSES]
    scores[2][1, 5] = np.nan
    band = prediction_band(DOSES, scores, [1600, 12_800], resamples=300)
    assert (band.low < band.estimate).all()
    assert (band.estimate < band.high).all()
    wide = band.high - band.low
    assert wide[1] > wide[0], "further out it is less sure"
    again = prediction_band(DOSES, scores, [1600, 12_800], resamples=300)
    assert (again.low == band.low).all()


@pytest.mark.parametrize(
    ("doses", "scores", "said"),
    [
        ([0, 1, 2, 3], [0.1] * 4, "floor"),
        ([1, 1, 2, 3], [0.1] * 4, "differ"),
        ([1, 2, 3, 4], [0.1, 0.2, 1.3, 0.4], "between 0 and 1"),
        ([1, 2, 3], [0.1] * 3, "at least 4"),
    ],
)
def test_points_that_make_no_curve_are_refused(doses, scores, said):
    with pytest.raises(ValueError, match=said):
        fit_curves(doses, scores)
