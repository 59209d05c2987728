"""How are the exponentials and logarithms of several runs computed at once? Without branches, in all lanes alike.

Polynomials over a small range and arithmetic on the bits of the exponent, as mathematical libraries do it one number
at a time (Tang 1989; the logarithm's coefficients are those of FreeBSD's msun). Errors stay below four units in the
last place; ``tests/test_exponentials.py`` holds them to numpy's. The coefficients of ``exponential`` and ``log1p_of``
were fitted at Chebyshev nodes.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from negsim.scalar.abreast import bits_of, number_of, select

LOG2_E: Final = 1.4426950408889634
LN2_HIGH: Final = 6.93147180369123816490e-01
LN2_LOW: Final = 1.90821492927058770002e-10
MAGIC: Final = 6755399441055744.0
"""1.5 * 2**52: a number added to it is rounded to a whole one, which then stands in the lowest bits."""
LEAST_EXPONENT: Final = -708.0
MOST_EXPONENT: Final = 709.0
SMALLEST_NORMAL: Final = 2.2250738585072014e-308

E2, E3, E4 = 0.5000000000000001, 0.16666666666666669, 0.041666666666624115
E5, E6, E7 = 0.008333333333330008, 0.001388888891721834, 0.0001984126986320094
E8, E9, E10, E11 = 2.4801521290566992e-05, 2.7557268299267734e-06, 2.7620090550614496e-07, 2.5100445462573073e-08
A1, A2, A3, A4 = 0.33333333333333487, 0.19999999999780063, 0.14285714338330888, 0.11111106278941349
A5, A6, A7 = 0.09091130554896355, 0.07686637427245697, 0.06751171333134255
A8, A9 = 0.051613341810161806, 0.08435351198795431
G1, G2, G3, G4 = 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01
G5, G6, G7 = 1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01

ROOT_HALF: Final = np.uint64(0x3FE6A09E667F3BCD)
"""Bits of the square root of one half, where the range of the logarithm begins."""
BIAS: Final = np.uint64(1023 << 52)
WIDTH: Final = np.uint64(52)
WHOLE_BITS: Final = np.uint64(0x4330000000000000)
"""Bits of 2**52: a whole number in its lowest bits is added to it."""
WHOLE_BIAS: Final = 4503599627370496.0 + 1023.0


def exponential(x: float) -> float:
    """Exponential function; beyond [-708, 709] that of the nearest end."""
    return exponential_within(min(max(x, LEAST_EXPONENT), MOST_EXPONENT))


def exponential_within(x: float) -> float:
    """Exponential function of a number from -708 to 709."""
    shifted = x * LOG2_E + MAGIC
    whole = shifted - MAGIC
    r = (x - whole * LN2_HIGH) - whole * LN2_LOW
    r2 = r * r
    low = (1.0 + r) + r2 * ((E2 + r * E3) + r2 * (E4 + r * E5))
    r4 = r2 * r2
    high = ((E6 + r * E7) + r2 * (E8 + r * E9)) + r4 * (E10 + r * E11)
    return number_of(bits_of(low + r4 * r2 * high) + (bits_of(shifted) << WIDTH))


def log1p_of(y: float) -> float:
    """Logarithm of 1 + y, for y from 0 to 1."""
    s = y / (2.0 + y)
    z = s * s
    z2 = z * z
    z4 = z2 * z2
    series = ((A1 + z * A2) + z2 * (A3 + z * A4)) + z4 * (((A5 + z * A6) + z2 * (A7 + z * A8)) + z4 * A9)
    return 2.0 * s * (1.0 + z * series)


def exponential_of(x: float) -> float:
    """Exponential function of any number, as formulas call it."""
    within = select(x > MOST_EXPONENT, np.inf, exponential(x))
    return select(x == x, select(x < LEAST_EXPONENT, 0.0, within), x)


def logarithm_of(x: float) -> float:
    """Logarithm of any number, as formulas call it; of 0 for what is smaller than a normal one."""
    within = select(x < SMALLEST_NORMAL, -np.inf, logarithm(x))
    within = select(x == np.inf, x, within)
    return select(x >= 0.0, within, np.nan)


def log1p_any(x: float) -> float:
    """Logarithm of 1 + x for any number, as formulas call it (Higham 2002, section 1.14.1)."""
    sum_ = 1.0 + x
    scaled = logarithm_of(sum_) * (x / (sum_ - 1.0))
    return select(sum_ == 1.0, x, select(sum_ == np.inf, sum_, scaled))


def logarithm(x: float) -> float:
    """Logarithm of a normal positive number."""
    bits = bits_of(x)
    power = (bits - ROOT_HALF + BIAS) >> WIDTH
    whole = number_of(power | WHOLE_BITS) - WHOLE_BIAS
    f = number_of(bits + BIAS - (power << WIDTH)) - 1.0
    s = f / (2.0 + f)
    z = s * s
    z2 = z * z
    series = z * ((G1 + z * G2) + z2 * ((G3 + z * G4) + z2 * (G5 + z * (G6 + z * G7))))
    half = 0.5 * f * f
    return whole * LN2_HIGH - ((half - (s * (half + series) + whole * LN2_LOW)) - f)
