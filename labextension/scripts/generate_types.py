"""Write src/model/events.gen.ts from the tables of `codecast_agent.protocol.events`.

python labextension/scripts/generate_types.py            # write
python labextension/scripts/generate_types.py --check    # fail when it is not up to date
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "labextension" / "src" / "model" / "events.gen.ts"
sys.path.insert(0, str(ROOT / "remote_agent"))

from codecast_agent.protocol import events  # noqa: E402

PLAIN = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "json": "unknown",
}


def type_of(shape: str) -> str:
    """TypeScript's word for a shape of the vocabulary."""
    if shape.endswith("[]"):
        return type_of(shape[:-2]) + "[]"
    return PLAIN.get(shape) or f"I{shape}"


def comment(text: str, indent: str = "") -> list[str]:
    lines = textwrap.wrap(text, 95 - len(indent))
    if len(lines) == 1:
        return [f"{indent}/** {lines[0]} */"]
    return [f"{indent}/**", *(f"{indent} * {line}" for line in lines), f"{indent} */"]


def members(fields: dict[str, str]) -> list[str]:
    return [f"  {name}: {type_of(shape)};" for name, shape in fields.items()]


def event_name(kind: str) -> str:
    return "I" + "".join(part.title() for part in kind.split("_")) + "Event"


def render() -> str:
    out = [
        "// Made by scripts/generate_types.py from codecast_agent.protocol.events: do not edit.",
        "",
    ]
    for name, spec in events.STRUCTS.items():
        out += [*comment(spec.doc), f"export interface I{name} {{", *members(spec.fields), "}", ""]
    out += [
        *comment("What every event has: its number, its time in seconds, and what may be added."),
        "export interface IRecord {",
        "  seq: number;",
        "  time: number;",
        *members(events.COMMON),
        "}",
        "",
    ]
    for kind, spec in events.EVENTS.items():
        fields = {k: v for k, v in spec.fields.items() if k.rstrip("?") != "turn"}
        own_turn = ["  turn: number;"] if "turn" in spec.fields else []
        out += [
            *comment(spec.doc),
            f"export interface {event_name(kind)} extends IRecord {{",
            f"  type: '{kind}';",
            *own_turn,
            *members(fields),
            "}",
            "",
        ]
    union = "\n".join(f"  | {event_name(kind)}" for kind in events.EVENTS)
    states = ", ".join(f"'{state}'" for state in sorted(events.TERMINAL_PROMPT_STATES))
    out += [
        "/** An event of the vocabulary; readers pass over types they do not know. */",
        f"export type SessionEvent =\n{union};",
        "",
        "/** States after which nothing more is heard of a prompt. */",
        f"export const TERMINAL_PROMPT_STATES: readonly string[] = [{states}];",
        "",
    ]
    return "\n".join(out)


def main() -> int:
    text = render()
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
