"""What stands between a program and the model: the site, and another gateway behind it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chat.local_model import MODEL_ID, base_url
from project.run import HOST, free_port
from tests.servers import SiteProcess
from tests.tutorial.conftest import MAKE_KEY

#: Seconds for LiteLLM's proxy to import what it imports.
_START_SECONDS = 120
_GATEWAY_KEY = "sk-interop-gateway"


class Asked:
    """A site that programs can ask, and how they are told."""

    def __init__(self, site: SiteProcess, model: str) -> None:
        self.site = site
        self.environ = {
            "OPENAI_BASE_URL": f"{site.base_url}/v1",
            "OPENAI_API_KEY": str(site.django(MAKE_KEY)),
            "MODEL": model,
        }

    def run(self, *command: str | Path, **environ: str) -> str:
        """What a program prints. Raises RuntimeError when it fails, or says next to nothing."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
        done = subprocess.run(
            [*map(str, command)],
            env=kept | self.environ | environ,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if done.returncode or len(done.stdout.split()) < 2:
            raise RuntimeError(f"{command}: {done.stdout}{done.stderr[-2000:]}")
        return done.stdout

    def last_status(self) -> str:
        """How the answer to the last call ended."""
        code = "from chat.models import Generation\nresult = Generation.objects.latest('pk').status"
        return str(self.site.django(code))


@contextmanager
def site_before(url: str, folder: Path, *, key: str = "", model: str = MODEL_ID) -> Iterator[Asked]:
    """The site with this provider."""
    folder.mkdir()
    with SiteProcess(folder, OPENAI_BASE_URL=url, OPENAI_API_KEY=key, LLMCHAT_MODEL=model) as site:
        yield Asked(site, model)


@contextmanager
def site_before_litellm(python: Path, model_port: int, folder: Path) -> Iterator[Asked]:
    """The site, behind it LiteLLM's proxy as it is published, behind that the local model."""
    behind = {"model": f"openai/{MODEL_ID}", "api_base": base_url(model_port), "api_key": "none"}
    config = folder / "litellm.yaml"
    # YAML is a superset of JSON.
    config.write_text(
        json.dumps(
            {
                "model_list": [{"model_name": "local", "litellm_params": behind}],
                "general_settings": {"master_key": _GATEWAY_KEY},
            }
        )
    )
    port = free_port()
    command = [python.parent / "litellm", "--config", config, "--host", HOST, "--port", str(port)]
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with (folder / "litellm.log").open("wb") as log:
        process = subprocess.Popen([*map(str, command)], env=environ, stdout=log, stderr=log, cwd=folder)
    try:
        _wait_for(process, port)
        url = f"http://{HOST}:{port}/v1"
        with site_before(url, folder / "behind", key=_GATEWAY_KEY, model="local") as asked:
            yield asked
    finally:
        process.terminate()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError("LiteLLM's proxy does not listen")
