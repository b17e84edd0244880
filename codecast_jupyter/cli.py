"""`codecast`: the command table in a shell.

Exit codes: 0 done, 1 it failed, 2 it was typed wrongly, 130 interrupted. Errors go to
stderr as what happened, why, and what to do; with `--json` as one JSON object.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from codecast_agent.protocol.errors import CodecastError

    from .commands.parsing import Parsed
    from .commands.results import Result


def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["__complete"]:
        from .commands.completion import main as complete

        return complete(words[1:])
    return _run(words)


def _run(words: list[str]) -> int:
    import asyncio
    import os

    from codecast_agent.protocol.errors import CodecastError

    from .commands.parsing import parse

    json = "--json" in words
    try:
        parsed = parse(words)
    except CodecastError as error:
        _fail(error, json, "--no-color" not in words)
        return 2
    try:
        return asyncio.run(_perform(parsed))
    except CodecastError as error:
        _fail(error, parsed.json, parsed.color)
        return 2 if error.code == "bad_request" and error.data.get("usage") else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader (a pager, `head`) has seen enough; Python must not complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("CODECAST_DEBUG"):
            raise
        _fail(
            CodecastError(
                "internal",
                f"codecast itself failed: {type(error).__name__}: {error}",
                "Run it with CODECAST_DEBUG=1 for the traceback, and report it.",
            ),
            parsed.json,
            parsed.color,
        )
        return 1


def _console(color: bool, stderr: bool = False) -> Console:
    from rich.console import Console

    file = sys.stderr if stderr else sys.stdout
    return Console(
        file=file,
        no_color=not color or None,
        color_system="auto" if color else None,
        highlight=False,
        markup=False,
        emoji=False,
        width=None if file.isatty() else 10_000,
    )


def _fail(error: CodecastError, json: bool, color: bool) -> None:
    if json:
        from .commands.render.json import document

        print(document({"error": error.to_json()}), file=sys.stderr)
        return
    from .commands.render.layout import failure

    _console(color, stderr=True).print(failure(error), soft_wrap=True)


async def _perform(parsed: Parsed) -> int:
    import os

    from .commands.context import Context, NobodyToAsk
    from .shell import ask
    from .shell.status import StatusLine

    command = parsed.command
    quiet = parsed.json or not sys.stderr.isatty()

    shows_status = not quiet and os.environ.get("TERM") != "dumb"

    def say(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr, flush=True)

    client: Any = None
    if command.client:
        from . import serving

        client = await serving.connect(parsed.server, start=command.starts, say=say)
    try:
        context = Context(
            client,
            NobodyToAsk() if parsed.json else ask.make(),
            say,
            read_input=sys.stdin.read,
            status=StatusLine(sys.stderr) if shows_status else None,
        )
        return await _show(await command.run(context, parsed.values), parsed, context)
    finally:
        if client is not None:
            await client.close()


async def _show(result: Result, parsed: Parsed, context: Any) -> int:
    from .commands import results
    from .commands.render import json as as_json

    if isinstance(result, results.Stream):
        return await _stream(result, parsed)
    if isinstance(result, results.Follow):
        from .shell import follow

        return await follow.run(result, parsed, context, _console(parsed.color))
    if parsed.json:
        print(as_json.document(result.to_json()))
    elif isinstance(result, results.Text):
        print(result.text, end="")
    else:
        from .commands.render.terminal import render

        console = _console(parsed.color)
        with console.capture() as captured:
            console.print(render(result))
        # columns are padded; what is piped on should not end in blanks
        print("\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n")))
    return 1 if isinstance(result, results.Doctor) and result.failed else 0


async def _stream(result: Any, parsed: Parsed) -> int:
    from codecast_agent.protocol.errors import CodecastError

    from .commands.render import json as as_json

    if parsed.json or result.raw:
        async for event in result.items:
            print(as_json.line(event), flush=True)
    else:
        from .commands.render.entries import ConsoleSink, Printer
        from .commands.transcript import Transcript
        from .commands.words import name

        printer, transcript = Printer(ConsoleSink(_console(parsed.color))), Transcript()
        async for event in result.items:
            printer.show(transcript.apply(event))
            if event.get("type") == "request_opened" and sys.stderr.isatty():
                print(f"answer it: codecast answer {name(result.session)} CHOICE", file=sys.stderr)
        printer.finish()
    if result.problem:
        raise CodecastError.from_json(result.problem)
    return 0


if __name__ == "__main__":
    sys.exit(main())
