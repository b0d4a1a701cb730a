"""The servers there are to compare, each as a recipe: its arguments, its environment and where it listens."""
import glob
import json
import os
import pathlib
import shutil
import sys

from processes import free_port

HERE = pathlib.Path(__file__).resolve().parent
# Debian's own Python is the one that has Debian's Twisted.
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable

NGINX = """daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr crit;
{module}
events {{ worker_connections 19500; use epoll; multi_accept on; }}
stream {{
    server {{
        listen 127.0.0.1:{port} ssl backlog=4096;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.3;
        ssl_ecdh_curve X25519;
        ssl_session_cache off;
        ssl_session_tickets on;
        return "";
    }}
}}
"""

HAPROXY = """global
    nbthread 1
    maxconn 9000
    ssl-default-bind-options ssl-min-ver TLSv1.3
    ssl-default-bind-curves X25519
    tune.ssl.cachesize 0
defaults
    mode tcp
    timeout client 60s
    timeout connect 5s
    timeout server 60s
frontend handshakes
    bind 127.0.0.1:{port} ssl crt {pem} backlog 4096
    tcp-request session reject
"""


class Peers:
    """Makes recipes. build: the optimised build; folder: where configurations go."""

    def __init__(self, build, folder):
        self.build = pathlib.Path(build)
        self.folder = folder
        self.plait_program = self.build / ".libs" / "plait"
        self.environment = {
            "LD_LIBRARY_PATH": str(self.build / ".libs"),
            "PLAIT_PLUGIN_PATH": ":".join(sorted(glob.glob(f"{self.build}/plugins/*/.libs"))),
        }
        self.certs = self.build / "certs" / "dev"
        self._count = 0

    def _file(self, name):
        self._count += 1
        return self.folder / f"{self._count}-{name}"

    def _tls_files(self, transport, certificate):
        return (
            [self.certs / f"{certificate}.pem", self.certs / f"{certificate}.key"]
            if transport == "tls"
            else []
        )

    def find(self, program):
        """A program of the system, or one that ./dev bench unpacked without installing it as a service."""
        unpacked = self.build / "peers" / "usr" / "sbin" / program
        return (
            str(unpacked)
            if unpacked.exists()
            else shutil.which(program) or shutil.which(f"/usr/sbin/{program}")
        )

    def plait(self, speaks, transport, certificate="server", threads=1, listener=None, **top):
        listener = {
            "name": "bench",
            "bind": f"{transport}://127.0.0.1:0",
            "protocol": speaks,
            "limits": {"connections": 0},
            **(listener or {}),
        }
        # One process, whose instructions, system calls and memory are all there is to count.
        config = {
            "threads": threads,
            "supervise": False,
            "plugins": [speaks],
            "listeners": [listener],
            "drain_timeout": 5,
            **top,
        }
        if transport == "tls":
            pem, key = self._tls_files(transport, certificate)
            config["tls"] = {
                "default": {"certificate": str(pem), "key": str(key), **config.pop("tls_more", {})}
            }
        path = self._file("plait.json")
        path.write_text(json.dumps(config, indent=1))
        return [self.plait_program, "run", path], self.environment, None

    def raw(self, speaks, transport, certificate="server"):
        program = self.build / "tests" / "bench" / "raw"
        return [program, speaks, transport, *self._tls_files(transport, certificate)], {}, None

    def bufferevent(self, speaks, transport, certificate="server"):
        program = self.build / "tests" / "bench" / "bufferevent"
        if speaks != "echo" or transport == "udp":
            return None
        return [program, transport, *self._tls_files(transport, certificate)], {}, None

    def libuv(self, speaks, transport, certificate="server"):
        program = self.build / "tests" / "bench" / "uv"
        if (speaks, transport) != ("echo", "tcp") or not program.exists():
            return None
        return [program], {}, None

    def lws(self, speaks, transport, certificate="server"):
        program = self.build / "tests" / "bench" / "lws"
        if speaks != "echo" or transport == "udp" or not program.exists():
            return None
        return [program, transport, *self._tls_files(transport, certificate)], {}, None

    def twisted(self, speaks, transport, certificate="server"):
        if speaks != "echo" or transport == "udp" or not glob.glob("/usr/lib/python3/dist-packages/twisted"):
            return None
        return [PYTHON, "-B", HERE / "twisted_echo.py", *self._tls_files(transport, certificate)], {}, None

    def nginx(self, speaks, transport, certificate="server"):
        program = self.find("nginx")
        if transport != "tls" or not program:
            return None
        pem, key = self._tls_files(transport, certificate)
        port, path = free_port(), self._file("nginx.conf")
        root = self.build / "peers" if str(self.build) in program else pathlib.Path("/")
        module = root / "usr/lib/nginx/modules/ngx_stream_module.so"
        load = f"load_module {module};" if module.exists() else ""
        path.write_text(NGINX.format(folder=self.folder, module=load, port=port, certificate=pem, key=key))
        return [program, "-p", self.folder, "-c", path], {}, f"tls://127.0.0.1:{port}"

    def haproxy(self, speaks, transport, certificate="server"):
        program = self.find("haproxy")
        if transport != "tls" or not program:
            return None
        pem, key = self._tls_files(transport, certificate)
        both = self._file("haproxy.pem")
        both.touch(mode=0o600)
        both.write_text(pem.read_text() + key.read_text())
        port, path = free_port(), self._file("haproxy.cfg")
        path.write_text(HAPROXY.format(port=port, pem=both))
        return [program, "-db", "-f", path], {}, f"tls://127.0.0.1:{port}"

    def recipe(self, name, *args, one_ticket=False, **keywords):
        """The server's recipe, or None: it cannot do that, or is not there. one_ticket: give as many as plait does."""
        recipe = getattr(self, name)(*args, **keywords)
        if not recipe or not one_ticket or name == "plait":
            return recipe
        argv, environment, endpoint = recipe
        library = self.build / "tests" / "bench" / ".libs" / "one_ticket.so"
        return argv, {**environment, "LD_PRELOAD": str(library)}, endpoint
