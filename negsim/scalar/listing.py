"""What has to be computed for some runs abreast? What any of them wants, listed."""

from __future__ import annotations

from negsim.scalar.abreast import put_words, take_words, trailing_zeros
from negsim.scalar.hazards import clear_hazards
from negsim.scalar.numbers import Values
from negsim.scalar.tables import (
    ACTIVE,
    AGREEING,
    KIND_COUNT,
    LOG_RATES,
    MOVES,
    PACKAGES,
    PROGRAM_COLUMNS,
    WORD,
    WORD_BITS,
    WORDS_ABREAST,
    Stand,
    Tables,
)
from negsim.state import Floats, Ints


def list_wanted(T: Ints, W: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """List all that must be computed until any of the runs may choose something that none may now."""
    if not _note_choices(L, t, s):
        return
    for first in range(0, t.words, WORDS_ABREAST):
        wanted = take_words(W, t.always + first)
        for word in range((t.choices + WORD - 1) >> WORD_BITS):
            bits = L[s.choices + word]
            while bits != 0:
                wanted |= take_words(W, ((word << WORD_BITS) + trailing_zeros(bits)) * t.words + first)
                bits &= bits - 1
        put_words(L, s.new_words + first, wanted)
    clear_hazards(T, W, L, V, t, s, v)
    for kind in range(KIND_COUNT):
        _list_bits(T, W, L, t, s, kind)
    for word in range(t.words):
        L[s.words + word] = L[s.new_words + word]
    _list_packages(T, L, t, s)
    _split_log_rates(T, L, t, s)


def _note_choices(L: Ints, t: Tables, s: Stand) -> bool:
    """Note, as bits, what any run may choose; whether it is something else than before."""
    changed = 0
    for word in range((t.choices + WORD - 1) >> WORD_BITS):
        first, bits = word << WORD_BITS, 0
        for place in range(min(WORD, t.choices - first)):
            bits |= int(L[s.possible + first + place] != 0) << place
        changed |= bits ^ L[s.choices + word]
        L[s.choices + word] = bits
    return changed != 0


def _list_bits(T: Ints, W: Ints, L: Ints, t: Tables, s: Stand, kind: int) -> None:
    """List what is wanted of a kind, if it is not what was wanted before."""
    first, last = T[t.piece_first + kind], T[t.piece_first + kind + 1]
    changed = 0
    for piece in range(first, last):
        word = T[t.piece_word + piece]
        changed |= (L[s.new_words + word] ^ L[s.words + word]) & W[t.piece + piece]
    if changed == 0:
        return
    rows, count = T[t.kind_list + kind], 0
    for piece in range(first, last):
        bits = L[s.new_words + T[t.piece_word + piece]] & W[t.piece + piece]
        base = T[t.piece_base + piece]
        while bits != 0:
            L[rows + count] = base + trailing_zeros(bits)
            bits &= bits - 1
            count += 1
    L[s.lengths + kind] = count


def _list_packages(T: Ints, L: Ints, t: Tables, s: Stand) -> None:
    """Find where each channel's packages begin among those listed; list those to agree on also as moves."""
    place, count = 0, L[s.lengths + PACKAGES]
    for channel in range(t.channels):
        L[s.package_first + channel] = place
        while place < count and L[s.packages + place] < T[t.channel_first + channel + 1]:
            place += 1
    L[s.package_first + t.channels] = count
    active = L[s.lengths + MOVES]
    for number in range(L[s.lengths + AGREEING]):
        channel = L[s.agreeing + number]
        for place in range(L[s.package_first + channel], L[s.package_first + channel + 1]):
            L[s.moves + active] = t.dense + L[s.packages + place]
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
