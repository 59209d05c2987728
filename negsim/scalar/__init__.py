"""How does one run at a time, compiled, do what the kernel does for many at once?

The second engine: scalar loops over a run's own events, compiled by numba, that touch only what is possible and what an
event has changed. It reads the compiled world that the kernel reads, calls the terms' own formulas and reads the same
clocks, so that its histories are the kernel's, move by move (docs/design.md, "Two engines").

``layouts`` lays the world out as flat arrays: what is fixed (T), what is wanted for what (W), a run's whole numbers (S)
and a run's floating-point numbers (V); ``tables``, ``wants``, ``numbers`` and ``formulas`` say what stands where.
``possibilities``, ``hazards``, ``exponentials``, ``passage`` and ``effects`` are the scalar code and ``loops`` its two
loops over time; ``building`` compiles them with the formulas of a scenario's terms; ``drawing`` and ``scoring`` drive
the loops. The scalar code is plain Python and is only ever called compiled.
"""
