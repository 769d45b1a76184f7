"""A line that turns a value into a probability: logistic regression on few inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEWTON_STEPS = 30
RIDGE = 1e-3  # keeps the regression finite where a line separates right from wrong
MIN_SLOPE = 1e-3
MIN_STEP = 1e-6


def platt_targets(is_right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return targets a little inside 0 and 1, against overconfidence, by how many there are.

    Source: Platt 1999.
    """
    right, wrong = int(is_right.sum()), int((~is_right).sum())
    return np.where(is_right, (right + 1) / (right + 2), 1 / (wrong + 2))


def logistic_line(inputs: NDArray[np.float64], targets: NDArray[np.float64]) -> list[float]:
    """Return the weights of a logistic regression, by Newton's method.

    Args:
        inputs: Shape (items, inputs), a column of ones for the intercept among them.
        targets: Shape (items,), 0 to 1.
    """
    weights = np.zeros(inputs.shape[1])
    weights[0] = 1.0
    for _ in range(NEWTON_STEPS):
        probabilities = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        curvature = probabilities * (1 - probabilities)
        hessian = (inputs * curvature[:, None]).T @ inputs + RIDGE * np.eye(len(weights))
        gradient = inputs.T @ (probabilities - targets) + RIDGE * weights
        step = np.linalg.solve(hessian, gradient)
        before = _loss(inputs, targets, weights)
        while _loss(inputs, targets, weights - step) > before and np.abs(step).max() > MIN_STEP:
            step /= 2  # a whole step may overshoot where many sure words are wrong
        weights -= step
    return [round(float(weight), 4) for weight in weights]


def _loss(
    inputs: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    odds = inputs @ weights
    return float((np.logaddexp(0, odds) - targets * odds).sum() + RIDGE / 2 * weights @ weights)
