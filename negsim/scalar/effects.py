"""What does an event change? Stages, tables, consents, memories, and consequences, in one run (model, section 4).

The tables that say what each event does are the kernel's; here is the scalar code that follows them.
"""

from __future__ import annotations

from negsim.kernel.effects import WHOLE
from negsim.kernel.stages import AFTER, BEFORE_SIGNATURE
from negsim.scalar.numbers import Values
from negsim.scalar.tables import EVENT_COLUMNS, Stand, Tables
from negsim.state import Floats, Ints
from negsim.vocabulary import CLOSED, DORMANT, IN_FORCE, NONE, PROMISED, RAISED, SIGNED, SUSPENDED, TABLED

(
    CHANNEL, SIDE, CONCESSION, DEMAND, ACT, NEW_CHANNEL, NEW_STAGE, NEW_BEGUN, NEW_FROZEN, COMPLETES, ENDS, DROPS,
    APPROVES, REJECTS, PACKAGE_BITS,
) = range(len(EVENT_COLUMNS))  # fmt: skip
COLUMNS = len(EVENT_COLUMNS)


def change_stages(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, event: int) -> None:
    """Change stages, flags, counts and memories as an event says."""
    row = t.event + event * COLUMNS
    concession = T[row + CONCESSION]
    if T[row + NEW_STAGE] >= 0:
        _set_stage(S, V, s, v, concession, T[row + NEW_STAGE])
    if T[row + NEW_BEGUN] >= 0:
        S[s.begun + concession] = T[row + NEW_BEGUN]
    if T[row + NEW_FROZEN] >= 0:
        S[s.frozen + concession] = T[row + NEW_FROZEN]
    if T[row + ENDS]:
        if T[t.flow_of + concession] >= 0:
            V[v.shipped + T[t.flow_of + concession]] = 0.0
        if T[row + COMPLETES]:
            S[s.completions + concession] += 1
            for demand in range(t.demands):
                if T[t.answers + demand * t.concessions + concession]:
                    S[s.demand + demand] = DORMANT
    if T[row + DEMAND] >= 0:
        S[s.demand + T[row + DEMAND]] = RAISED
    for entry in range(T[t.effect_first + event], T[t.effect_first + event + 1]):
        place = T[t.effect_row + entry]
        V[place] = V[place] * V[T[t.effect_scale + entry]] + V[T[t.effect_add + entry]]


def change_channels(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, event: int) -> None:
    """Change stages, tables and consents of channels as a move says."""
    row = t.event + event * COLUMNS
    channel = T[row + CHANNEL]
    if channel < 0:
        return
    if T[row + NEW_CHANNEL] >= 0:
        S[s.channel + channel] = T[row + NEW_CHANNEL]
    if T[row + DROPS]:
        _drop_table(T, S, V, t, s, v, channel)
    elif T[row + PACKAGE_BITS] > 0:
        _table_package(T, S, V, t, s, v, channel, T[row + PACKAGE_BITS])
    elif T[row + APPROVES]:
        _approve(T, S, V, t, s, v, channel, T[row + SIDE])
    elif T[row + REJECTS]:
        _reject(T, S, V, t, s, v, channel, T[row + SIDE])


def _set_stage(S: Ints, V: Floats, s: Stand, v: Values, concession: int, stage: int) -> None:
    S[s.stage + concession] = stage
    V[v.changed + concession] = V[v.time]


def _send_back(S: Ints, V: Floats, s: Stand, v: Values, concession: int) -> None:
    """Return an item to where it came from: suspended if it had begun, else none."""
    _set_stage(S, V, s, v, concession, SUSPENDED if S[s.begun + concession] else NONE)


def _item(T: Ints, t: Tables, channel: int, position: int) -> int:
    item: int = T[t.agenda + channel * t.agenda_length + position]
    return item


def _drop_table(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, channel: int) -> None:
    for position in range(t.agenda_length):
        if (S[s.table + channel] >> position) & 1:
            _send_back(S, V, s, v, _item(T, t, channel, position))
    S[s.table + channel] = 0
    S[s.consent + 2 * channel] = 0
    S[s.consent + 2 * channel + 1] = 0


def _table_package(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, channel: int, bits: int) -> None:
    for position in range(t.agenda_length):
        if (bits >> position) & 1:
            _set_stage(S, V, s, v, _item(T, t, channel, position), TABLED)
    S[s.table + channel] = bits
    for side in range(2 * channel, 2 * channel + 2):
        S[s.consent + side] = T[t.consent_rule + side] != BEFORE_SIGNATURE
    _sign_if_settled(T, S, V, t, s, v, channel)


def _sign_if_settled(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, channel: int) -> None:
    """Sign where both consents are in: what a side gives is promised, or waits for approval after the signature."""
    if not (S[s.consent + 2 * channel] and S[s.consent + 2 * channel + 1]):
        return
    bits = S[s.table + channel]
    for position in range(t.agenda_length):
        if (bits >> position) & 1:
            giver = 2 * channel + T[t.agenda_side + channel * t.agenda_length + position]
            stage = SIGNED if T[t.consent_rule + giver] == AFTER else PROMISED
            _set_stage(S, V, s, v, _item(T, t, channel, position), stage)
    for side in range(2 * channel, 2 * channel + 2):
        if T[t.consent_rule + side] == AFTER:
            S[s.awaiting + side] |= bits
        S[s.consent + side] = 0
    S[s.table + channel] = 0
    V[v.last_deal + channel] = V[v.time]


def _approve(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, channel: int, side: int) -> None:
    row = 2 * channel + side
    if T[t.consent_rule + row] == BEFORE_SIGNATURE:
        S[s.consent + row] = 1
        _sign_if_settled(T, S, V, t, s, v, channel)
        return
    for position in range(t.agenda_length):
        if (S[s.awaiting + row] >> position) & 1:
            item = _item(T, t, channel, position)
            if T[t.agenda_side + channel * t.agenda_length + position] == side and S[s.stage + item] == SIGNED:
                _set_stage(S, V, s, v, item, PROMISED)
    S[s.awaiting + row] = 0


def _reject(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, channel: int, side: int) -> None:
    row = 2 * channel + side
    if T[t.consent_rule + row] == BEFORE_SIGNATURE:
        _drop_table(T, S, V, t, s, v, channel)
        return
    bits = S[s.awaiting + row]
    for position in range(t.agenda_length):
        if (bits >> position) & 1:
            item = _item(T, t, channel, position)
            stage = S[s.stage + item]
            if stage in (SIGNED, PROMISED):
                _send_back(S, V, s, v, item)
    S[s.awaiting + row] = 0
    S[s.awaiting + (row ^ 1)] &= ~bits


# -- consequences -----------------------------------------------------------------------------------------------------


def find_broken(T: Ints, S: Ints, t: Tables, s: Stand, event: int, after: int) -> int:
    """Next consequence of a move: a restraint that its act breaks, one that lapses with its channel; -1 for none.

    Consequences are numbered: first the restraints that may break, then what is held only while a channel is open.
    ``after`` is the number of the last one found, -1 at first.
    """
    act = T[t.event + event * COLUMNS + ACT]
    closed = T[t.event + event * COLUMNS + NEW_CHANNEL] == CLOSED
    for number in range(after + 1, t.concessions + t.whiles):
        if number < t.concessions:
            if act >= 0 and T[t.breaks + act * t.concessions + number] and S[s.stage + number] == IN_FORCE:
                return number
        elif closed:
            held = number - t.concessions
            channel = T[t.event + event * COLUMNS + CHANNEL]
            concession = T[t.while_row + held]
            if T[t.while_channel + held] == channel and S[s.stage + concession] == IN_FORCE:
                return number
    return -1


def name_consequence(T: Ints, t: Tables, number: int) -> int:
    """Event of a consequence by its number."""
    if number < t.concessions:
        return t.moves + t.concessions + number
    event: int = t.moves + 2 * t.concessions + T[t.while_row + number - t.concessions]
    return event


def find_delivered(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, flow: int) -> int:
    """Event of a flow that is shipped whole, or -1."""
    concession = T[t.flow_concession + flow]
    if S[s.stage + concession] == IN_FORCE and V[v.shipped + flow] >= WHOLE:
        event: int = t.moves + concession
        return event
    return -1
