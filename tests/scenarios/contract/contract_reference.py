"""An independent solver of the contract problem: sequential quadratic programming over every pair of types."""

import numpy as np
from scipy.optimize import LinearConstraint, minimize


def everybody_signs(share, cost, e2, z2, x_max, extra=(), rational=0.0, compatible=0.0, lowest=1.0, reward_max=100.0):
    """Return the least cost sum p (e2 x^-z2 + R) of a menu that every type signs as meant, or None.

    `extra`: pairs (row over [x | R], lower limit).
    """
    k = len(share)
    rows, limits = [], []
    for q in range(k):
        for other in range(k):
            row = np.zeros(2 * k)
            row[q] -= cost[q]
            row[k + q] += 1
            if other != q:
                row[other] += cost[q]
                row[k + other] -= 1
            rows.append(row)
            limits.append(rational if other == q else compatible)
    for row, limit in extra:
        rows.append(row)
        limits.append(limit)
    rows, limits = np.array(rows), np.array(limits)
    start = np.concatenate([np.linspace(lowest + 1, lowest, k), np.full(k, cost[-1] * (lowest + 2))])

    def price(v):
        return float(share @ (e2 * v[:k] ** -z2 + v[k:]))

    def slope(v):
        return np.concatenate([-share * e2 * z2 * v[:k] ** (-z2 - 1), share])

    solved = minimize(price, start, jac=slope, method="SLSQP", constraints=LinearConstraint(rows, limits, np.inf),
                      bounds=[(lowest, x_max)] * k + [(0, reward_max)] * k, options={"ftol": 1e-13, "maxiter": 500})
    met = (rows @ solved.x - limits).min() > -1e-7
    return price(solved.x) if solved.success and met else None
