"""Commands in containers for probes and lifecycle hooks, and the hooks themselves."""

import asyncio
import contextlib
import subprocess

from kube.objects import Pod
from kube.objects.containers import Container, LifecycleHandler
from linux import process
from nodeagent.probes.run import NoSuchPort, http_get, port_number
from nodeagent.runtime.apply import OciRuntime

_OUTPUT_BYTES = 10 * 1024


class HookFailed(Exception):
    """A hook's command failed or its server did not answer."""


async def run_in_container(
    runtime: OciRuntime, container_id: str, argv: tuple[str, ...], timeout_s: float
) -> tuple[int, str]:
    """Exit code and the beginning of the output. Raises TimeoutError, and kills the command then."""

    def work() -> tuple[int, str]:
        child = process.spawn(
            runtime.argv("exec", container_id, *argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            output, _ = child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise TimeoutError from None
        return child.returncode, output[:_OUTPUT_BYTES].decode(errors="replace")

    return await asyncio.to_thread(work)


async def run_hook(
    hook: LifecycleHandler,
    pod: Pod,
    container: Container,
    container_id: str,
    ip: str,
    runtime: OciRuntime,
    timeout_s: float,
) -> None:
    """Raises HookFailed, also for a hook that takes longer than timeout_s."""
    try:
        async with asyncio.timeout(timeout_s + 0.5):
            if hook.exec:
                code, output = await run_in_container(runtime, container_id, hook.exec.command, timeout_s)
                if code != 0:
                    raise HookFailed(f"command '{' '.join(hook.exec.command)}' exited with {code}: {output}")
            elif hook.http_get:
                outcome = await http_get(hook.http_get, container, ip)
                if not outcome.success:
                    raise HookFailed(outcome.output)
            elif hook.tcp_socket:
                port = port_number(hook.tcp_socket.port, container)
                _, writer = await asyncio.open_connection(hook.tcp_socket.host or ip, port)
                writer.close()
            elif hook.sleep:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(timeout_s):
                        await asyncio.sleep(hook.sleep.seconds)
    except TimeoutError as error:
        raise HookFailed(f"no end after {timeout_s:g} s") from error
    except (OSError, NoSuchPort) as error:
        raise HookFailed(str(error)) from error
