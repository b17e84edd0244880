"""TCP to a host that speaks SSH: reached through each of its addresses, acknowledged at once."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Any

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.waiting import within

from .ssh_config import Resolved

CONNECT_TIMEOUT = 15.0  # seconds for TCP, where the ssh config names none
BEGIN_EVERY = 0.25  # seconds between attempts on a line that is expected back
QUICKACK_EVERY = 0.002  # seconds
QUICKACK_AT_MOST = 10.0


async def dial(resolved: Resolved, at_most: float | None = None) -> socket.socket:
    """A TCP connection to the host, each of its addresses tried in turn.

    Who has little patience (`at_most` seconds) expects the line to come back at any moment: the
    kernel repeats what got lost ever more slowly, so it is begun anew all the time.
    Raises CodecastError `unreachable`.
    """
    loop = asyncio.get_running_loop()
    family = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}.get(
        resolved.get("addressfamily"), socket.AF_UNSPEC
    )
    where = f"{resolved.hostname} port {resolved.port}"
    try:
        timeout = float(resolved.get("connecttimeout", ""))
    except ValueError:
        timeout = CONNECT_TIMEOUT
    timeout = min(timeout, at_most or timeout)
    try:
        addresses = await loop.getaddrinfo(
            resolved.hostname, resolved.port, family=family, type=socket.SOCK_STREAM
        )
    except OSError as error:
        raise unreachable(
            resolved,
            f"The name {resolved.hostname} cannot be resolved.",
            "Is it spelled right, and is the network (or VPN) up?",
            str(error),
        ) from None
    problem = ""
    for kind, _, _, _, address in addresses:
        try:
            reaching = _reach(kind, address, resolved.get("bindaddress"), at_most is not None)
            return await within(reaching, timeout)
        except asyncio.TimeoutError:
            problem = problem or f"{where} did not answer within {timeout:.0f} seconds."
        except ConnectionRefusedError:
            problem = f"{where} refuses the connection: no SSH server listens there."
        except OSError as error:
            problem = problem or f"{where} cannot be reached: {error.strerror or error}."
    raise unreachable(resolved, problem, "Is the machine on, and is the network (or VPN) up?")


async def _reach(kind: int, address: Any, bind: str, eager: bool) -> socket.socket:
    """The first socket that connects; `eager` begins another every BEGIN_EVERY. Raises OSError."""
    begun: dict[asyncio.Future[None], socket.socket] = {}
    loop = asyncio.get_running_loop()
    try:
        while True:
            sock = socket.socket(kind, socket.SOCK_STREAM)
            sock.setblocking(False)
            try:
                if bind and bind != "none":
                    sock.bind((bind, 0))
            except OSError:
                sock.close()
                raise
            begun[asyncio.ensure_future(loop.sock_connect(sock, address))] = sock
            patience = BEGIN_EVERY if eager else None
            done, _ = await asyncio.wait(begun, timeout=patience, return_when="FIRST_COMPLETED")
            for attempt in done:
                attempt.result()  # an answer, even a refusal, is one for all
                return begun.pop(attempt)
    finally:
        for attempt, sock in begun.items():
            attempt.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await attempt
            sock.close()


def unreachable(resolved: Resolved, message: str, hint: str, detail: str = "") -> CodecastError:
    return CodecastError(
        "unreachable",
        message,
        hint,
        detail,
        {"host": resolved.hostname, "port": resolved.port},
    )


async def readable(sock: socket.socket) -> None:
    """Until there is something to read, or the end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def ready() -> None:
        if not future.done():
            future.set_result(None)

    loop.add_reader(sock, ready)
    try:
        await future
    finally:
        loop.remove_reader(sock)


async def quick_acks(sock: socket.socket) -> None:
    """Acknowledge at once while connecting: sshd's Nagle waits for ACKs the kernel would delay.
    The kernel forgets the option by itself, hence again and again."""
    if not hasattr(socket, "TCP_QUICKACK"):
        sock.close()
        return
    end = time.monotonic() + QUICKACK_AT_MOST
    try:
        while time.monotonic() < end:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            await asyncio.sleep(QUICKACK_EVERY)
    except OSError:
        pass
    finally:
        sock.close()
