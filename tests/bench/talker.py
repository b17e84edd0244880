"""An ACP agent that says much, of every kind a transcript has. Standard library only.

Its prompt is `history EVENTS` (as fast as it can: words, thoughts, tool calls with output, edits)
or `stream RATE COUNT` (Markdown, piece by piece).
"""

import json
import sys
import time

WORDS = (
    "The reading of station **{n}** is off by `{n}`. We take the mean of the last ten values, "
    "and compare it with $\\bar{{x}}_{{{n}}}$ of the day before.\n\n"
)
CODE = "```python\ndef reading_{n}(values):\n    return sum(values) / max(1, len(values))\n```\n\n"
LIST = "- first, look at `{n}.csv`\n- then at the _log_\n\n"


def update(session_update, **fields):
    value = {"sessionUpdate": session_update, **fields}
    params = {"sessionId": "s", "update": value}
    return {"jsonrpc": "2.0", "method": "session/update", "params": params}


def say(text, kind="agent_message_chunk"):
    return update(kind, content={"type": "text", "text": text})


def pieces(text, size=12):
    return [text[at : at + size] for at in range(0, len(text), size)]


def history(count):
    """Events by the hundred: what a day of work looks like."""
    done = 0
    while done < count:
        call = f"call-{done}"
        said = [say(f"Hm, {done}?", "agent_thought_chunk")]
        said += [say(piece) for piece in pieces((WORDS + CODE + LIST).format(n=done))]
        start = {"toolCallId": call, "title": f"run {done}", "kind": "execute"}
        raw = {"command": f"python3 check.py --station {done}"}
        said.append(update("tool_call", status="in_progress", rawInput=raw, **start))
        text = "".join(f"line {line} of {done}\n" for line in range(20))
        shown = [{"type": "content", "content": {"type": "text", "text": text}}]
        said.append(update("tool_call_update", toolCallId=call, status="completed", content=shown))
        old = "".join(f"value_{line} = {line}\n" for line in range(12))
        new = old.replace("value_5 = 5", f"value_5 = {done}")
        edit = {"type": "diff", "path": f"/w/{done}.py", "oldText": old, "newText": new}
        title = {"title": f"edit {done}.py", "kind": "edit", "status": "completed"}
        said.append(update("tool_call", toolCallId=call + "e", content=[edit], **title))
        yield from said[: count - done]
        done += len(said)


def stream(count):
    text = ""
    for number in range(count):
        if not text:
            text = (WORDS + (CODE if number % 3 == 0 else LIST)).format(n=number)
        yield say(text[:8])
        text = text[8:]


def emit(rate, messages):
    begin = time.perf_counter()
    for number, message in enumerate(messages):
        if rate:
            wait = begin + number / rate - time.perf_counter()
            if wait > 0:
                sys.stdout.flush()
                time.sleep(wait)
        sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(id, result):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": id, "result": result}) + "\n")
    sys.stdout.flush()


def main():
    for line in sys.stdin:
        message = json.loads(line)
        method, id = message.get("method"), message.get("id")
        if method == "initialize":
            answer(id, {"protocolVersion": 1, "agentCapabilities": {"loadSession": False}})
        elif method == "session/new":
            answer(id, {"sessionId": "s"})
        elif method == "session/prompt":
            verb, *numbers = message["params"]["prompt"][0]["text"].split()
            if verb == "stream":
                emit(float(numbers[0]), stream(int(numbers[1])))
            else:
                emit(0, history(int(numbers[0])))
            answer(id, {"stopReason": "end_turn"})
        elif id is not None:
            answer(id, {})


if __name__ == "__main__":
    main()
