"""A source of dated events: plain lines, or an ACP agent that says the same. Standard library only.

source.py raw RATE COUNT     COUNT lines of JSON at RATE a second (0: flat out), then waits for
                             the end of its input, so that its processes can still be weighed
source.py acp                an agent whose prompt is "RATE COUNT"

Dates are nanoseconds of the monotonic clock, which all processes of a computer share.
"""

import json
import os
import sys
import time

PAD = "x" * 140  # an event of some 200 bytes


def emit(rate, count, line):
    start = time.perf_counter()
    for i in range(count):
        if rate:
            wait = start + i / rate - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
        data = line(i, time.monotonic_ns())
        while data:
            data = data[os.write(1, data) :]


def raw_line(i, now):
    return b'{"i":%d,"t":%d,"pad":"%s"}\n' % (i, now, PAD.encode())


def acp_line(i, now):
    return (
        b'{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":'
        b'"agent_message_chunk","content":{"type":"text","text":"%d %d %s"}}}}\n'
        % (i, now, PAD.encode())
    )


def answer(id, result):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": id, "result": result}) + "\n")
    sys.stdout.flush()


def agent():
    for line in sys.stdin:
        message = json.loads(line)
        method, id = message.get("method"), message.get("id")
        if method == "initialize":
            answer(id, {"protocolVersion": 1, "agentCapabilities": {"loadSession": False}})
        elif method == "session/new":
            answer(id, {"sessionId": "s"})
        elif method == "session/prompt":
            rate, count = message["params"]["prompt"][0]["text"].split()
            emit(float(rate), int(count), acp_line)
            answer(id, {"stopReason": "end_turn"})
        elif id is not None:
            answer(id, {})


if __name__ == "__main__":
    if sys.argv[1] == "raw":
        emit(float(sys.argv[2]), int(sys.argv[3]), raw_line)
        sys.stdin.buffer.read()
    else:
        agent()
