"""A host whose /run/podnet and /var/lib/podnet are its own, for a daemon whose socket's path is built in."""

import itertools
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import pytest

from tests.patience import until

SOCKET = "/run/podnet/cni.sock"
TRY_AGAIN_LATER = 11
ROOT = pathlib.Path(__file__).parents[3]


class Place:
    def __init__(self, host, holder):
        self.host = host
        self.holder = holder
        self.daemons = []
        self.numbers = itertools.count()

    def close(self):
        for daemon in self.daemons:
            if daemon.poll() is None:
                daemon.kill()
            daemon.wait()
            daemon.stdout.close()
            daemon.stderr.close()

    def container(self):
        """The path of a new container's namespace, as seen inside."""
        name = f"podnet-{self.host.token}-{next(self.numbers)}"
        self.sh("ip", "netns", "add", name)
        return f"/run/netns/{name}"

    def seen(self, path):
        """The same path for us."""
        return f"/proc/{self.holder.pid}/root{path}"

    def argv(self, *argv):
        return [
            "nsenter",
            f"--mount=/proc/{self.holder.pid}/ns/mnt",
            f"--net=/proc/{self.holder.pid}/ns/net",
            *argv,
        ]

    def daemon(self, program=("-m", "cni.cli", "daemon", "--log-level", "warning")):
        """One that answers; program is what Python is to run."""
        argv = self.argv(sys.executable, *program)
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        self.daemons.append(child)
        assert child.stdout.readline() == "kcni daemon: ready\n", child.stderr.read()
        return child

    def sh(self, *argv, check=True):
        done = subprocess.run(self.argv(*argv), capture_output=True, text=True, check=False)
        if check and done.returncode:
            pytest.fail(f"{argv}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self, verb, conf, path, **options):
        argv = self.argv(f"{self.host.bin_dir}/{conf['type']}")
        return self.host.start(verb, conf, path, argv=argv, **options)

    def call(self, verb, conf, path, **options):
        """Exit status and output."""
        child = self.start(verb, conf, path, **options)
        output = child.stdout.read()
        errors = child.stderr.read()
        child.stdout.close()
        child.stderr.close()
        code = child.wait()
        return code, json.loads(output) if output else errors

    def attempt(self, conf, path):
        """ADD, as a runtime does it: what says "try again later" is tried again. Exit status and output."""
        while True:
            code, body = self.call("ADD", conf, path)
            if not code or body["code"] != TRY_AGAIN_LATER:
                return code, body
            self.delete(conf, path)

    def add(self, conf, path):
        code, body = self.attempt(conf, path)
        assert code == 0, body
        return body

    def delete(self, conf, path, **options):
        code, body = self.call("DEL", conf, path, **options)
        assert code == 0, body

    def silent(self):
        """A socket at which nobody answers."""
        listener = socket.socket(socket.AF_UNIX)
        pid = os.fork()
        if pid == 0:
            try:
                libc = __import__("linux.libc", fromlist=["setns"])
                with open(f"/proc/{self.holder.pid}/ns/mnt") as file:
                    libc.setns(file.fileno())
                listener.bind(SOCKET)
                listener.listen(10)
                time.sleep(600)
            finally:
                os._exit(0)
        listener.close()
        until(lambda: self.sh("ls", "/run/podnet").find("cni.sock") >= 0)
        return pid

    def records(self):
        return self.sh("sh", "-c", "find /run/podnet/cni/attachments -type f 2>/dev/null || true").split()

    def queue(self):
        return self.sh("sh", "-c", "ls /var/lib/podnet/cni/queue/*.del 2>/dev/null || true").split()

    def left_over(self):
        veths = [name for name, link in self.host.links().items() if link.kind == "veth"]
        return veths, self.host.addresses_in_use(), self.records()
