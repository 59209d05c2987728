"""How do single runs, compiled, do what the kernel does for many at once?

The second engine: loops over runs' own events, compiled by numba, that compute only what is possible. LANES runs go
abreast: what they may do, and how fast, is computed by the same instructions, each run steps for itself. It reads the
compiled world that the kernel reads, calls the terms' own formulas and reads the same clocks, so that its histories are
the kernel's, move by move (docs/design.md, "Two engines").

``layouts`` lays the world out as flat arrays: what is fixed (T), what is wanted for what (W), runs' whole numbers (A)
and their floating-point numbers (V); ``tables``, ``wants``, ``numbers`` and ``formulas`` say what stands where. Done
by each run for itself: ``effects``, ``interfering``, ``waits``; abreast: ``possibilities``, and from what ``listing``
lists ``relations``, ``hazards``, ``clocks``, ``passage``, ``exponentials``; ``abreast`` says in plain Python, and
``lanes`` in numba's, what stands side by side. ``loops``, ``given`` and ``guided`` are the loops over time, the last
by what ``ways`` says of what lies ahead; ``building`` compiles them with the formulas of a scenario's terms,
``keeping`` keeps that; ``drawing``, ``periods``, ``scoring`` and ``guiding`` drive them. All but ``lanes`` is plain
Python, and is called compiled alone.
"""
