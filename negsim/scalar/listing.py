"""What has to be computed for some runs abreast? What any of them wants, listed."""

from __future__ import annotations

from negsim.scalar.abreast import put_words, take_words
from negsim.scalar.hazards import clear_hazards
from negsim.scalar.numbers import Values
from negsim.scalar.possibilities import trailing_zeros
from negsim.scalar.tables import (
    ACTIVE,
    AGREEING,
    KIND_COUNT,
    LANES,
    LOG_RATES,
    MOVES,
    OVERDUE_ONES,
    PROGRAM_COLUMNS,
    WORDS_ABREAST,
    Stand,
    Tables,
)
from negsim.state import Floats, Ints


def list_wanted(T: Ints, W: Ints, L: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """List all that must be computed until one of the runs wants something else.

    A holds the whole numbers of all runs, a row for each, and those of the lists in a last row, L.
    """
    for first in range(0, t.words, WORDS_ABREAST):
        bits = take_words(A[0], s.new_words + first)
        for lane in range(1, LANES):
            bits |= take_words(A[lane], s.new_words + first)
        put_words(L, s.new_words + first, bits)
    clear_hazards(T, W, L, V, t, s, v)
    for kind in range(KIND_COUNT):
        _list_bits(T, W, L, t, s, kind)
    for word in range(t.words):
        L[s.words + word] = L[s.new_words + word]
    late = 0
    for lane in range(LANES):
        late += A[lane, s.lengths + OVERDUE_ONES]
    L[s.lengths + OVERDUE_ONES] = late
    for approval in range(t.approvals):
        waiting = 0
        for lane in range(LANES):
            waiting |= A[lane, s.waiting + approval]
        L[s.waiting + approval] = waiting
    _list_packages(T, L, t, s)
    _split_log_rates(T, L, t, s)


def _list_bits(T: Ints, W: Ints, L: Ints, t: Tables, s: Stand, kind: int) -> None:
    """List what is wanted of a kind, if it is not what was wanted before."""
    first, last = T[t.piece_first + kind], T[t.piece_first + kind + 1]
    changed = 0
    for piece in range(first, last):
        word = T[t.piece_word + piece]
        changed |= (L[s.new_words + word] ^ L[s.words + word]) & W[T[t.piece] + piece]
    if changed == 0:
        return
    rows, count = T[t.kind_list + kind], 0
    for piece in range(first, last):
        bits = L[s.new_words + T[t.piece_word + piece]] & W[T[t.piece] + piece]
        base = T[t.piece_base + piece]
        while bits != 0:
            L[rows + count] = base + trailing_zeros(bits)
            bits &= bits - 1
            count += 1
    L[s.lengths + kind] = count


def _list_packages(T: Ints, L: Ints, t: Tables, s: Stand) -> None:
    """List the packages that any run may agree on or asks for, channel by channel; those to agree on also as moves."""
    listed, active = 0, L[s.lengths + MOVES]
    for channel in range(t.channels):
        L[s.package_first + channel] = listed
        for package in range(T[t.channel_first + channel], T[t.channel_first + channel + 1]):
            if L[s.sharing + package]:
                L[s.packages + listed] = package
                listed += 1
    L[s.package_first + t.channels] = listed
    for place in range(L[s.lengths + AGREEING]):
        channel = L[s.agreeing + place]
        for package in range(L[s.package_first + channel], L[s.package_first + channel + 1]):
            L[s.moves + active] = t.dense + L[s.packages + package]
            active += 1
    L[s.lengths + ACTIVE] = active


def _split_log_rates(T: Ints, L: Ints, t: Tables, s: Stand) -> None:
    """Find where the listed rows of each formula of log rates begin."""
    place, count = 0, L[s.lengths + LOG_RATES]
    for number in range(t.log_rate_count):
        L[s.rate_first + number] = place
        last = T[t.log_rate + number * PROGRAM_COLUMNS + 3]
        while place < count and L[s.log_rates + place] < last:
            place += 1
    L[s.rate_first + t.log_rate_count] = place
