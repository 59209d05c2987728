"""How does a person play an actor? It is asked at the keyboard; whatever it does is forced, and marked as such."""

import datetime as dt

from negsim.mesa_front import NegotiationModel, Negotiator


class Human(Negotiator):
    """Asks when something new has become possible for it; between the answers it does nothing by itself."""

    ask = staticmethod(input)  # or any other function of a question: a window, a test
    seen = frozenset()

    def hazards(self, view):
        mine = list(view.alone)
        if set(mine) - self.seen:
            for number, move in enumerate(mine, start=1):
                print(f"  {number}. {move.kind} {move.subject or move.channel}")
            try:
                answer = self.ask(f"{view.date} {self.label}: number of a move, or nothing to wait: ")
            except EOFError:  # nobody is there
                answer = ""
            print(answer if answer else "waits")
            if answer.strip().isdigit() and 1 <= int(answer) <= len(mine):
                self.force(mine[int(answer) - 1])
        self.seen = frozenset(mine)
        return dict.fromkeys(mine, 0.0)


model = NegotiationModel("template", rng=4, until=dt.date(2002, 12, 31), agents={"Lowland": Human})
while model.running:
    model.step()
    for event in model.step_events:
        mark = " (forced)" if event.forced else ""
        print(f"{event.date} {event.actor} {event.kind} {event.subject or event.channel}{mark}")
