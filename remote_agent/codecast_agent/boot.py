"""The stub that starts the agent on a machine, or takes it over the channel first.

Its source travels minimised and compressed inside the command the hub runs
(`codecast_jupyter.control.bootstrap`), so: few imports, no helper that is not needed before
the agent is there, and syntax that an older Python can at least parse, because the stub is
what looks for a newer one. stdin and stdout are the channel. What it says is in
docs/protocol.md ("Boot").

An unpacked agent is a directory `agent/<hash>` made aside, synced and renamed in one step, with
`files`, the list of its files and their sizes: one that a cleaner of /tmp or a crash left
incomplete is moved away and asked for again.
"""

import os
import stat
import sys


def boot(want, size):  # type: (str, int) -> None
    """Start the agent whose archive has the SHA-256 `want` and `size` bytes. Does not return."""

    def say(text):  # type: (str) -> None
        os.write(1, b"\n\x1ecodecast " + text.encode() + b"\n")

    if sys.version_info < (3, 8):
        # `python3` is too old, but a newer one may stand beside it under its own name.
        with open("/proc/self/cmdline", "rb") as file:
            rest = file.read().split(b"\0")[1:-1]
        for minor in range(19, 7, -1):
            try:
                os.execvp("python3.%d" % minor, [b"python3"] + rest)
            except OSError:
                pass
        say('{"error":{"code":"no_python","detail":"python3 is %d.%d"}}' % sys.version_info[:2])
        sys.exit(3)

    import json

    name = want[:16]
    user = "/codecast-%d" % os.getuid()
    home = os.path.expanduser("~")
    archive = b""
    refused = []

    def intact(place):  # type: (str) -> bool
        try:
            with open(place + "/files") as file:
                return all(
                    os.path.getsize(place + "/" + path) == length
                    for path, length in json.load(file).items()
                )
        except (OSError, ValueError):
            return False

    def put(path, text):  # type: (str, str) -> int
        os.makedirs(os.path.dirname(path), 0o700, True)
        with open(path, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
            return file.tell()

    for base, folder in (
        (os.environ.get("CODECAST_ROOT"), ""),
        (os.environ.get("XDG_STATE_HOME") or home + "/.local/state", "/codecast"),
        (home, "/.codecast"),
        ("/var/tmp", user),
        ("/tmp", user),
        ("/dev/shm", user),
        (os.environ.get("XDG_RUNTIME_DIR"), "/codecast"),
    ):
        if not base or base[0] != "/":
            continue
        root = base + folder
        aside = "%s/agent/.%s-%d" % (root, name, os.getpid())
        place = "%s/agent/%s" % (root, name)
        try:
            os.makedirs(root, 0o700, True)
            status = os.lstat(root)
            if (
                not stat.S_ISDIR(status.st_mode)
                or status.st_uid != os.getuid()
                or status.st_mode & 0o77
            ):
                raise OSError("is not a directory that is ours alone")
            # A full disk or quota often shows only when data is written, or at the close.
            os.makedirs(root + "/agent", 0o700, True)
            trial = aside + ".try"
            with open(trial, "wb") as file:
                file.write(bytes(1 << 16))
            os.unlink(trial)
            for _ in range(9):
                if intact(place):
                    break
                if not archive:
                    import signal
                    import zlib

                    say(json.dumps({"need": want, "root": root}))
                    signal.alarm(600)  # a hub that vanished must not leave us here
                    while len(archive) < size:
                        piece = os.read(0, size - len(archive))
                        if not piece:
                            sys.exit(4)
                        # The hub nudges a silent shell with line ends; no archive begins so.
                        archive = (archive + piece).lstrip(b"\n")
                    signal.alarm(0)
                    for module in "_sha2", "_sha256", "hashlib":  # the last loads OpenSSL: 4 MB
                        try:
                            digest = __import__(module).sha256
                            break
                        except ImportError:
                            pass
                    if digest(archive).hexdigest() != want:
                        say('{"error":{"code":"bootstrap_failed"}}')
                        sys.exit(5)
                sizes = {}
                for path, text in json.loads(zlib.decompress(archive)).items():
                    sizes[path] = put(aside + "/" + path, text)
                put(aside + "/files", json.dumps(sizes))
                try:
                    os.rename(aside, place)
                except OSError:
                    # Another hub was first, or what stands there is damaged.
                    if not intact(place):
                        try:
                            os.rename(place, aside + "-damaged")
                        except OSError:
                            pass
            else:
                raise OSError("does not keep what is written to it")
            break
        except OSError as error:
            refused.append("%s: %s" % (root, error.strerror or error))
        finally:
            for left in aside, aside + "-damaged":
                if archive and os.path.exists(left):
                    import shutil

                    shutil.rmtree(left, True)
    else:
        say(json.dumps({"error": {"code": "no_place", "detail": "\n".join(refused)}}))
        sys.exit(6)
    say(json.dumps({"have": want, "root": root}))
    sys.path.insert(0, place)
    archive = b""  # we do not return
    from codecast_agent.relay import main

    main(root, name)
