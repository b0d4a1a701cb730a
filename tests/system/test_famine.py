#!/usr/bin/python3 -B
"""Too few descriptors and too much that is buffered: the server waits, answers its operator, and goes on at once."""
import contextlib
import json
import os
import pathlib
import resource
import socket
import unittest

import harness
from control import ControlCase
from harness import SCALE, listener, wait_for

TCP = "tcp://127.0.0.1:0"


def cpu_s(pid):
    """Processor seconds that a process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Descriptors(ControlCase):
    def limit(self, pid, count):
        hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, hard))

    def worker(self):
        return self.good("status")["pid"]

    def starve(self, server, more=10, spare=40, name="a"):
        """Clients, of whom the last ones are not accepted: the server may have only so many descriptors."""
        clients = []
        pid = self.worker()
        self.limit(pid, descriptors(pid) + spare)
        for _ in range(spare + more):
            clients.append(self.enter_client(server, name))
        wait_for(lambda: self.good("status")["famine"]["now"], what="a famine")
        return clients

    def leave(self, clients):
        for client in clients:
            client.sock.close()

    def enter_client(self, server, name="a"):
        return server.connect(name, tls=False)

    def test_it_waits_and_goes_on(self):
        server = self.serve_control(listener("a", TCP))
        clients = self.starve(server)
        server.wait_message("^accepting pauses: too many open files: raise ulimit -n", "a")
        self.assertTrue(server.alive())
        first = clients[0]
        first.exchange(b"still served")
        for client in clients[:12]:
            client.sock.close()
        for client in clients[12:]:
            client.exchange(b"served at last")
        self.leave(clients)
        wait_for(lambda: not self.good("status")["famine"]["now"], what="its end")
        server.wait_message("^accepting goes on", "a")
        famine = self.good("status")["famine"]
        self.assertGreaterEqual(famine["episodes"], 1)
        self.assertGreater(famine["lasted_ms"], 0)
        self.assertEqual(famine["reserve"], 8)
        self.assertIn("descriptors ran out", self.run_plait("status", server.file))
        self.assertLessEqual(len(server.wait_message("^accepting pauses", "a")), 2)

    def test_the_operator_is_answered(self):
        server = self.serve_control(listener("a", TCP), listener("b", TCP))
        clients = self.starve(server)
        for _ in range(20):
            self.assertEqual(self.good("status")["state"], "serving")
        with contextlib.ExitStack() as stack:
            for _ in range(24):  # three times the reserve: who is silent makes room
                peer = stack.enter_context(self.control())
                self.assertTrue(peer.ask("status")["ok"])
        self.assertIn("serving", self.run_plait("status", server.file))
        self.assertIn("too many open files", json.dumps(self.ask("reload")["error"]))
        clients[0].exchange(b"as before")
        self.leave(clients)
        wait_for(lambda: not self.good("status")["famine"]["now"], what="its end")
        self.good("reload")

    def test_all_listeners_are_woken(self):
        server = self.serve_control(listener("a", TCP), listener("b", TCP), threads=3, accept="reuseport")
        clients = self.starve(server)
        others = [self.enter_client(server, "b") for _ in range(10)]
        self.leave(clients)
        for other in others:
            other.exchange(b"served at last")
        self.leave(others)
        wait_for(lambda: not self.good("status")["famine"]["now"], what="its end")

    def test_when_others_took_the_descriptors(self):
        server = self.serve_control(listener("a", TCP))
        clients = self.starve(server)
        pid = self.worker()
        self.limit(pid, 4096)  # nobody of ours leaves
        for client in clients:
            client.exchange(b"served")
        self.leave(clients)
        wait_for(lambda: not self.good("status")["famine"]["now"], what="its end")

    def test_a_reload_and_a_stop_in_between(self):
        server = self.serve_control(listener("a", TCP), listener("b", TCP))
        clients = self.starve(server)
        self.write(server, *server.config["listeners"][:1])
        for client in clients[:20]:
            client.sock.close()
        wait_for(lambda: self.ask("reload")["ok"], what="a reload that is possible")
        clients += self.starve(server, spare=20)
        self.assertEqual(self.good("pause", listener="a")["ok"], True)
        wait_for(lambda: not self.good("status")["famine"]["now"], what="nobody who wants one")
        self.assertTrue(self.good("resume", listener="a")["ok"])
        wait_for(lambda: self.good("status")["famine"]["now"], what="a famine again")
        self.leave(clients)


if __name__ == "__main__":
    harness.main()
