"""Many sessions without their supervisors: one process that plays them all to real relays.

`choir.py AGENT_SOURCE COUNT ROOT...` makes COUNT sessions below the roots in turn, holds their
locks, listens at their sockets and prints "ready". Then each line of its input,

    RATE COUNT SKIP   appends COUNT dated events in all, RATE a second (0: flat out), one to each
                      session in turn (beginning behind SKIP), waking whoever listens
    fill NUMBER       appends so many events to each session, undated

is answered by "done". What relays ask is refused as by an older supervisor, so that the events go
through the relay. It ends with its input, its directories removed.
"""

import json
import os
import select
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from codecast_agent.journal import Journal
from codecast_agent.places import Place, sessions_directory
from codecast_agent.protocol import records, wire
from codecast_agent.protocol.errors import CodecastError
from codecast_agent.supervisor import WAKE

PAD = "x" * 140
BATCH = 50  # events a write, flat out
PEERS = {}  # relays by descriptor


class Voice:
    """One session."""

    def __init__(self, directory, number):
        name = f"choir-{number:04}"
        self.meta = {
            "session": name,
            "name": name,
            "protocol": 1,
            "cli": "source",
            "cwd": "/",
            "mode": "ask",
            "created": time.time(),
        }
        self.place = Place.create(directory, self.meta)
        self.lock = self.place.lock()
        self.place.write_pid(self.lock)
        self.listener = self.place.listen()
        self.journal = Journal(self.place.journal)
        self.peers = []
        self.append([{"type": "session_state", "state": "ready"}])

    def append(self, events):
        self.journal.append([records.dump(event) for event in events])
        for peer in self.peers:
            try:
                peer.send(WAKE)
            except BlockingIOError:
                pass  # it has wake-ups enough to read
            except OSError:
                peer.close()
                self.peers.remove(peer)

    def accept(self, poll):
        while True:
            try:
                peer, _ = self.listener.accept()
            except BlockingIOError:
                return
            peer.setblocking(False)
            self.peers.append(peer)
            PEERS[peer.fileno()] = peer
            poll.register(peer.fileno(), select.EPOLLIN)


def refuse(peer, poll):
    """Every call is one that an older supervisor does not know."""
    data = peer.recv(1 << 16)
    if not data:
        poll.unregister(peer.fileno())
        del PEERS[peer.fileno()]
        return
    problem = CodecastError("not_supported", "A choir only sings.")
    for line in data.splitlines():
        peer.send(wire.error(json.loads(line)["id"], problem))


def chunk(i, now):
    text = f"{i} {now} {PAD}"
    return {
        "type": "agent_message_chunk",
        "message": "m",
        "content": {"type": "text", "text": text},
    }


def sing(voices, rate, count, skip, poll):
    for voice in voices:
        voice.accept(poll)  # whoever waits at the door hears it, too
    start = time.perf_counter()
    done = 0
    while done < count:
        if rate:
            wait = start + done / rate - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
        for fd, _ in poll.poll(0):
            if fd in PEERS:
                refuse(PEERS[fd], poll)
        size = 1 if rate else min(BATCH, count - done)
        now = time.monotonic_ns()
        voice = voices[(skip + done // size) % len(voices)]
        voice.append([chunk(done + each, now) for each in range(size)])
        done += size


def main():
    roots = [Path(root) for root in sys.argv[3:]]
    for root in roots:
        root.mkdir(0o700, parents=True, exist_ok=True)
    directories = [sessions_directory(str(root)) for root in roots]
    count = int(sys.argv[2])
    voices = [Voice(directories[n % len(directories)], n) for n in range(count)]
    poll = select.epoll()
    by_fd = {voice.listener.fileno(): voice for voice in voices}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    poll.register(0, select.EPOLLIN)
    print("ready", flush=True)
    line = b""
    while True:
        for fd, _ in poll.poll():
            if fd in PEERS:
                refuse(PEERS[fd], poll)
                continue
            if fd:
                by_fd[fd].accept(poll)
                continue
            data = os.read(0, 4096)
            if not data:
                for voice in voices:
                    shutil.rmtree(voice.place.path, ignore_errors=True)
                return
            line += data
            while b"\n" in line:
                words, _, line = line.partition(b"\n")
                first, *rest = words.split()
                if first == b"fill":
                    for voice in voices:
                        voice.append([chunk(each, 0) for each in range(int(rest[0]))])
                else:
                    sing(voices, float(first), *map(int, rest), poll)
                print("done", flush=True)


if __name__ == "__main__":
    main()
