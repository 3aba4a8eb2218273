"""An upstream that can be told to misbehave: HTTP/1.1 with a canned answer of 1 KiB, one process, one core.

usage: faulty.py PORT NAME DELAY_MS [AT_ONCE]

Each answer takes DELAY_MS and bears NAME in `X-Target`. With AT_ONCE only so many are worked on at a time, and the
others wait their turn. It prints `ready` when it listens. A line on standard input changes how it answers:

    delay MS   each answer takes so long
    error      each answer is a 500
    cut        the right head, half of the body, then the connection ends
    well       as at the start

Each line undoes the one before. A fault is one of the whole process: a request for the path of a health check meets it too.
"""
import asyncio
import collections
import os
import re
import sys

BODY = bytes(range(32, 96)) * 16
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


class Upstream:
    def __init__(self, name, delay, at_once):
        self.name, self.first_delay, self.at_once = name.encode(), delay, at_once
        self.delay, self.mode = delay, "well"
        self.busy, self.waiting = 0, collections.deque()

    def told(self):
        told = os.read(0, 4096)
        if not told:  # whoever started it is gone
            asyncio.get_running_loop().stop()
        for line in told.decode().splitlines():
            mode, *rest = line.split()
            self.mode = "well" if mode == "delay" else mode
            self.delay = float(rest[0]) / 1000 if mode == "delay" else self.first_delay

    def enter(self, connection):
        if self.at_once and self.busy >= self.at_once:
            self.waiting.append(connection)
            return
        self.busy += 1
        asyncio.get_running_loop().call_later(self.delay, self.leave, connection)

    def leave(self, connection):
        self.busy -= 1
        connection.answer()
        while self.waiting and self.busy < self.at_once:
            following = self.waiting.popleft()
            if not following.gone:
                self.enter(following)

    def answer(self):
        """The bytes, and whether the connection goes on."""
        status = b"500 Internal Server Error" if self.mode == "error" else b"200 OK"
        head = b"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nX-Target: %s\r\n\r\n"
        head = head % (status, len(BODY), self.name)
        if self.mode == "cut":
            return head + BODY[: len(BODY) // 2], False
        return head + BODY, True


class Connection(asyncio.Protocol):
    def __init__(self, upstream):
        self.upstream, self.got, self.serving, self.gone = upstream, b"", False, False

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, _):
        self.gone = True

    def data_received(self, more):
        self.got += more
        self.advance()

    def advance(self):
        end = self.got.find(b"\r\n\r\n")
        if self.serving or end < 0:
            return
        length = LENGTH.search(self.got, 0, end)
        end += 4 + (int(length.group(1)) if length else 0)
        if len(self.got) >= end:
            self.got, self.serving = self.got[end:], True
            self.upstream.enter(self)

    def answer(self):
        if self.gone:
            return
        answer, goes_on = self.upstream.answer()
        self.transport.write(answer)
        self.serving = False
        if goes_on:
            self.advance()
        else:
            self.transport.close()


async def listen(port, upstream):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(upstream), "127.0.0.1", port, backlog=1024)
    loop.add_reader(sys.stdin, upstream.told)
    print("ready", flush=True)
    await server.serve_forever()


def main():
    port, name, delay = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]) / 1000
    at_once = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    try:
        asyncio.run(listen(port, Upstream(name, delay, at_once)))
    except (KeyboardInterrupt, RuntimeError):  # the loop was stopped
        pass


if __name__ == "__main__":
    main()
