"""How is a case explored in a browser? ``app`` serves the page on this machine."""

from __future__ import annotations

import argparse
import socket
import sys
from typing import Any

from negsim.cli.words import InputError, add_command, whole


def app(options: argparse.Namespace) -> None:
    """Serve the page until interrupted."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise InputError("the page needs two more packages: pip install 'negsim[app]'") from None
    from negsim.app.server import serve
    from negsim.scenario_files import load_scenario

    if options.case is not None:
        load_scenario(options.case)  # its mistakes are told here, before anything is served
    _require_free(options.host, options.port)
    print(f"negsim: http://{options.host}:{options.port}/ (Ctrl-C ends it)", file=sys.stderr)
    serve(options.case, options.host, options.port)


def _require_free(host: str, port: int) -> None:
    """Make sure that the port can be had; no name of a host would mean every address of this machine."""
    if not host.strip():
        raise InputError("--host: it has no name; allowed: an address of this machine")
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"--host {host} --port {port}: {why}; allowed: a free port of this machine") from error


def add_app(commands: Any) -> None:
    """Add ``app``."""
    parser = add_command(
        commands,
        "app",
        app,
        "explore a case in the browser: one history, many, with and without a change",
        "negsim app",
        "negsim app my-case.toml --port 8899",
    )
    parser.add_argument("case", metavar="CASE", nargs="?", help="a shipped case, or a scenario file that you trust")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to bind to (default: 127.0.0.1, this machine only)"
    )
    parser.add_argument("--port", metavar="P", type=whole(1), default=8765, help="port (default: 8765)")
