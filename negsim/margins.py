"""How is an error written beside its number? One too small for the digits is not nothing."""

from __future__ import annotations


def write_error(error: float, digits: int = 2) -> str:
    """An error as it is printed: one too small for its digits is not nothing.

    Examples
    --------
    >>> write_error(0.0123), write_error(0.0004), write_error(0.0004, 4), write_error(0.01, 1)
    ('0.01', '<.01', '0.0004', '<.1')
    """
    least = 10.0**-digits
    return f"<{least:.{digits}f}".replace("<0", "<") if 0 < error < least / 2 else f"{error:.{digits}f}"
