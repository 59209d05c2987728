"""How likely is a history that somebody wrote down? Its exact log-likelihood under two values of a number."""

import negsim

scenario = negsim.load_scenario("template")  # two neighbours on one river, grain and water, raids and prisoners

# Dated moves; each is named by as much as tells it apart. What follows of itself is worked out, and need not be listed.
history = [
    {"date": "2000-03-10", "kind": "act", "subject": "raid"},
    {"date": "2000-09-01", "kind": "open", "channel": "river_talks"},
    {"date": "2000-09-02", "kind": "meet", "channel": "river_talks"},
    {"date": "2000-09-04", "kind": "adjourn", "channel": "river_talks"},
    {"date": "2001-02-20", "kind": "act", "subject": "raid"},
    {"date": "2001-03-01", "kind": "walk_out", "actor": "Lowland", "channel": "river_talks"},
]
raids_a_year = [0.15, 1.0]

score = negsim.replay(scenario, history, params={"raids": raids_a_year}, until=scenario.start.replace(year=2002))
for rate, total in zip(raids_a_year, score.total, strict=True):
    print(f"raids {rate:4} a year: log-likelihood {total:.1f}")
print(f"the second is {'more' if score.total[1] > score.total[0] else 'less'} likely to have brought this about")

# A move that the state does not allow has no likelihood, and the answer says why.
impossible = negsim.replay(scenario, [{"date": "2000-03-10", "kind": "meet", "channel": "river_talks"}])
print(f"talks that meet before they open: {impossible.total[0]:.0f}")
print(impossible.problems[0])
