"""How is a scenario laid out as arrays? One room for each part of the world; the compiler puts them together.

``rows`` gives every name its row number, ``sheet`` finds the arguments of the terms' formulas and keeps the slots, and
each other room returns the fields of :class:`negsim.state.World` that it answers for.
"""
