"""How do I write an agent of my own? A hard-liner and a tit-for-tat, each in place of one actor of the same history."""

from negsim.mesa_front import NegotiationModel, Negotiator

GIFTS, BLOWS = ("pledge", "begin", "resume", "lift"), ("act", "freeze", "suspend", "stall", "renege", "walk_out")


class HardLiner(Negotiator):
    """Never forgives: after the first blow it gives nothing, signs nothing and approves nothing."""

    def hazards(self, view):
        if not any(event.kind in BLOWS and event.counterpart == self.actor for event in self.model.events):
            return None  # until then it decides as the model has it
        gifts = [move for move in view.alone if move.kind in (*GIFTS, "approve")]
        accords = [move for move in view.joint if move.kind == "agree"]
        return dict.fromkeys([*gifts, *accords], 0.0)


class TitForTat(Negotiator):
    """Does as was done to it: gives fast after a gift, strikes fast after a blow, neither before anything happened."""

    def hazards(self, view):
        done = [event.kind for event in self.model.events if event.counterpart == self.actor]
        last = next((kind for kind in reversed(done) if kind in GIFTS + BLOWS), "")
        gives, strikes = (24.0 if last in GIFTS else 0.0), (24.0 if last in BLOWS else 0.0)  # a year
        alone = {move: gives if move.kind in GIFTS else strikes for move in view.alone if move.kind in GIFTS + BLOWS}
        return alone | {move: float(last in GIFTS) for move in view.joint if move.kind == "agree"}


for agent in (Negotiator, HardLiner, TitForTat):
    model = NegotiationModel("template", run=2, rng=1, agents={"Lowland": agent})
    model.run_model()
    kinds = [event.kind for event in model.events]
    told = ", ".join(f"{words} {kinds.count(kind)}" for kind, words in (("agree", "accords"), ("act", "raids")))
    own = [event for event in model.events if event.actor == "Lowland" and event.kind in GIFTS + BLOWS]
    print(f"Lowland as {agent.__name__:10}: {told}, own gifts and blows {len(own)}")
