"""Who answers the browser? A small server on this machine that keeps nothing about who asks."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any, Final

from negsim.app.asking import Request, list_changeable, list_moves, read_request
from negsim.app.cases import MOST_CHARACTERS, case_names
from negsim.app.ensembles import Ensembles, Superseded, TooSlow, ask_pairs, ask_questions
from negsim.app.pages import show_case, show_comparison, show_ensemble, show_frame, show_moment, show_problems
from negsim.app.sliders import draw_sliders, list_sliders
from negsim.app.stepping import TooLong, walk
from negsim.ensemble import Explosive
from negsim.interference import Impossible
from negsim.intervention_files import what_ifs
from negsim.problems import ScenarioError
from negsim.results import Ensemble
from negsim.scenario_files import dump_scenario, write_numbers

MOST_BYTES: Final = 4 * MOST_CHARACTERS + 100_000
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]", "::1")
HEADERS: Final = {
    # The browser itself refuses whatever would come from elsewhere, and any script but the page's own.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
KINDS: Final = {"page.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}

Answer = dict[str, Any]


class Desk:
    """Answers questions; what is kept are cases and ensembles, which are the same for everybody."""

    def __init__(self, case: str | None = None, fast: bool = False) -> None:
        shipped = case is None or not Path(case).is_file()
        self.extra = None if shipped else case
        self.first = case or "beijing-1999"
        self._ensembles = Ensembles(fast)

    def start(self) -> Answer:
        """What the page needs first: which cases there are."""
        return {"cases": case_names(None if self.extra is None else Path(self.extra)), "first": self.first}

    def case(self, request: Request) -> Answer:
        """A case: what it is about, and its numbers."""
        self._ensembles.warm_up(request.compiled)
        sliders = list_sliders(request.compiled)
        return {
            "html": {"about": show_case(request.compiled), "sliders": draw_sliders(sliders, request.settings)},
            "sliders": [{"name": slider.name, "label": slider.label} for slider in sliders],
            "numbers": list_changeable(request.compiled),
            "questions": what_ifs(request.compiled.scenario),
            "moves": list_moves(request.compiled),
            "name": request.compiled.scenario.name,
        }

    def history(self, request: Request) -> Answer:
        """One moment of one history."""
        frames = walk(request.compiled, request.seed, request.run, request.settings)
        pieces = {"now": show_moment(request, frames), "history": show_frame(request, frames)}
        return {"html": pieces, "steps": len(frames) - 1}

    def ensemble(self, request: Request) -> Answer:
        """Many histories."""
        ensemble = self._simulate(request, request.settings)
        answers = ask_questions(request.compiled, ensemble)
        return {"html": {"ensemble": show_ensemble(request, ensemble, answers)}}

    def comparison(self, request: Request) -> Answer:
        """Many histories without and with a change."""
        if request.intervention is not None:
            asked = (request.compiled, request.runs, request.seed, request.settings, request.intervention)
            arms = self._ensembles.compare(*asked, window=request.window, number=request.number)
        else:
            without = self._simulate(request, request.settings)
            arms = (without, self._simulate(request, {**request.settings, **request.change}))
        answers, stopped = ask_pairs(request.compiled, arms)
        return {"html": {"comparison": show_comparison(request, arms[0], answers, stopped)}}

    def _simulate(self, request: Request, settings: Mapping[str, float]) -> Ensemble:
        asked = (request.compiled, request.runs, request.seed, settings)
        return self._ensembles.ask(*asked, window=request.window, number=request.number)

    # -- downloads ----------------------------------------------------------------------------------------------------

    def scenario_file(self, request: Request) -> tuple[str, bytes]:
        """The scenario as a file, with the numbers as they are now."""
        values = {path: float(value[0]) for path, value in request.compiled.resolve(request.settings).items()}
        scenario = write_numbers(request.compiled.scenario, values)
        return f"{scenario.name}.toml", dump_scenario(scenario).encode()

    def results(self, request: Request) -> tuple[str, bytes]:
        """What :meth:`negsim.Ensemble.save` writes, in one file; `negsim.load_results` reads the unpacked folder."""
        ensemble = self._simulate(request, request.settings)
        packed = io.BytesIO()
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            for path in sorted(ensemble.save(folder).rglob("*")):
                file.write(path, path.relative_to(folder))
        return f"{ensemble.scenario.name}-results.zip", packed.getvalue()


def make_server(case: str | None = None, hosts: tuple[str, ...] = LOOPBACK, fast: bool = False) -> Any:
    """Make the server as an ASGI application.

    Parameters
    ----------
    case : str, optional
        The case that the page opens with: a shipped one, or a scenario file that is trusted (its terms' files run).
    hosts : tuple of str
        Names under which it may be addressed; a page from elsewhere that points a name of its own here gets nothing.
    fast : bool
        Whether to make the compiled engine ready (see :class:`negsim.app.ensembles.Ensembles`).
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.routing import Route

    desk = Desk(case, fast)
    asked = {name: getattr(desk, name) for name in ("case", "history", "ensemble", "comparison")}
    files = {"scenario": desk.scenario_file, "results": desk.results}
    routes = [
        Route("/", partial(_send_static, "page.html")),
        Route("/start", lambda _: _send(desk.start())),
        *(Route(f"/{name}", partial(_send_static, name)) for name in ("page.css", "page.js")),
        *(Route(f"/{name}", _make_endpoint(desk, answer, _send), methods=["POST"]) for name, answer in asked.items()),
        *(
            Route(f"/{name}", _make_endpoint(desk, answer, _send_file), methods=["POST"])
            for name, answer in files.items()
        ),
    ]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))])


def _send(answer: Answer, status: int = 200) -> Any:
    from starlette.responses import Response

    return Response(json.dumps(answer), status, {**HEADERS, "Content-Type": "application/json"})


def _send_file(answer: tuple[str, bytes]) -> Any:
    from starlette.responses import Response

    name, content = answer
    disposition = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Type": "application/octet-stream"}
    return Response(content, 200, {**HEADERS, **disposition})


def _send_static(name: str, _: Any) -> Any:
    from starlette.responses import Response

    text = (resources.files("negsim.app") / "static" / name).read_text("utf-8")
    return Response(text, 200, {**HEADERS, "Content-Type": f"{KINDS[name]}; charset=utf-8"})


def _make_endpoint(desk: Desk, answer: Callable[[Request], Any], send: Callable[[Any], Any]) -> Any:
    """Make what reads a question, has it answered in a thread, and says what is wrong where something is."""
    from starlette.concurrency import run_in_threadpool

    async def endpoint(asked: Any) -> Any:
        if asked.headers.get("content-type") != "application/json":  # what a form on another site could send
            return _send({"problems": "<p>No question that the page would send.</p>"}, 415)
        body = b""
        async for piece in asked.stream():
            body += piece
            if len(body) > MOST_BYTES:
                return _send(
                    {"problems": f"<p>More than {MOST_BYTES // 1_000_000} MB: too large for the page.</p>"}, 413
                )
        return await run_in_threadpool(_answer, desk, answer, send, body)

    return endpoint


def _answer(desk: Desk, answer: Callable[[Request], Any], send: Callable[[Any], Any], body: bytes) -> Any:
    try:
        words = json.loads(body)
    except (ValueError, RecursionError):
        return _send({"problems": "<p>No question that the page would send.</p>"}, 400)
    try:
        return send(answer(read_request(words, desk.extra)))
    except ScenarioError as error:
        return _send({"problems": show_problems(error)}, 422)
    except Superseded:
        return _send({"superseded": True})
    except TooSlow:
        return _send({"problems": "<p>This takes too long. Fewer runs, or calmer numbers?</p>"}, 503)
    except (Explosive, Impossible) as error:
        return _send({"problems": f"<p>{escape(str(error))}</p>"}, 422)
    except TooLong as error:
        return _send({"problems": f"<p>{error}</p>"}, 422)


def serve(case: str | None, host: str, port: int) -> None:
    """Serve the page until interrupted."""
    import uvicorn

    hosts = LOOPBACK if host in LOOPBACK else ("*",)
    uvicorn.run(make_server(case, hosts, fast=True), host=host, port=port, log_level="warning")
