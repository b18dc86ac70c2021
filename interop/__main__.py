"""`python -m interop`: runs all of them, prints a table, and fails when one fails; see the package."""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from chat.local_model import base_url
from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from project.run import free_port, local_model, wait_until_served
from tests.js.test_node import node
from tests.tutorial.node import install

from .environments import ROOT, python_with, version_of
from .stations import Asked, site_before, site_before_litellm

PROGRAMS = Path(__file__).parent / "programs"
TUTORIAL = ROOT / "tests" / "tutorial" / "programs"
PAGE = ROOT / "docs" / "interop.md"
_BEGIN, _END = "<!-- report: begin -->\n", "<!-- report: end -->\n"
_CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather"}}


class Shown(msgspec.Struct):
    """One program that did what it does."""

    side: str
    program: str
    version: str
    what: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publish", action="store_true", help="write the table into docs/")
    options = parser.parse_args()
    port = free_port()
    shown: list[Shown] = []
    with TemporaryDirectory(prefix="interop-") as name, local_model(port) as child:
        wait_until_served(child, port)
        for one in (*_provider(port, Path(name)), *_callers(port, Path(name))):
            print(f"{one.side}: {one.program} {one.version}: {one.what}", file=sys.stderr)
            shown.append(one)
    report = _table(shown)
    print(report)
    if options.publish:
        before, _, rest = PAGE.read_text().partition(_BEGIN)
        PAGE.write_text(f"{before}{_BEGIN}\n{report}\n{_END}{rest.partition(_END)[2]}")
    return 0


def _provider(port: int, folder: Path) -> Iterator[Shown]:
    """LiteLLM's proxy in front of the local model, as a provider of the site."""
    python = python_with("litellm", "litellm[proxy]")
    version = version_of(python, "litellm")
    with site_before_litellm(python, port, folder) as asked:
        for program, what in (("stream.py", "a stream"), ("whole.py", "a whole completion with its usage")):
            asked.run(sys.executable, TUTORIAL / program)
            _must_be_complete(asked)
            yield Shown("provider", "LiteLLM's proxy", version, what)


def _callers(port: int, folder: Path) -> Iterator[Shown]:
    python = python_with("clients", "langchain-openai", "pydantic-ai-slim[openai]", "llm")
    packages = install(PROGRAMS / "package.json", "interop/node")
    with site_before(base_url(port), folder / "callers") as asked:
        asked.run(python, PROGRAMS / "langchain.py")
        _must_be_complete(asked)
        version = version_of(python, "langchain-openai")
        yield Shown("caller", "LangChain (`langchain-openai`)", version, "a stream with its usage")

        asked.run(python, PROGRAMS / "pydantic_agent.py")
        _must_be_complete(asked)
        version = version_of(python, "pydantic-ai-slim")
        yield Shown("caller", "Pydantic AI (`pydantic-ai-slim`)", version, "an agent's answer")

        llm = python.parent / "llm"
        asked.run(llm, "prompt", "-m", "site", "Name three colours.", LLM_USER_PATH=str(_llm(folder, asked)))
        _must_be_complete(asked)
        yield Shown("caller", "`llm`, the command", version_of(python, "llm"), "a stream")

        program = shutil.copy(PROGRAMS / "vercel.mjs", packages)
        asked.run(node(), program)
        _must_be_complete(asked)
        version = json.loads((packages / "node_modules" / "ai" / "package.json").read_text())["version"]
        yield Shown("caller", "Vercel's AI SDK (`ai`)", version, "a stream")
    yield from _tool_calls(python, folder)


def _tool_calls(python: Path, folder: Path) -> Iterator[Shown]:
    """The local model is too small to call tools: the scripted provider does."""
    pieces = [{**_CALL, "function": {"name": "weather", "arguments": ""}}]
    pieces += [{"index": 0, "function": {"arguments": part}} for part in ('{"city"', ': "Oslo"}')]
    events = [{"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]} for piece in pieces]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    with (
        ScriptedUpstream() as upstream,
        site_before(upstream.base_url, folder / "tools", model="scripted") as asked,
    ):
        upstream.script(Script(body=body), Script(tokens=["It ", "snows."]))
        asked.run(python, PROGRAMS / "agent_with_tool.py")
        told = upstream.seen[1].body["messages"][-1]
        if (told["role"], told["content"]) != ("tool", "snow in Oslo"):
            raise RuntimeError(f"the tool's answer did not arrive: {told}")
    version = version_of(python, "pydantic-ai-slim")
    yield Shown("caller", "Pydantic AI (`pydantic-ai-slim`)", version, "a tool call (scripted provider)")


def _llm(folder: Path, asked: Asked) -> Path:
    """The configuration of `llm`: a model of the name `site`."""
    home = folder / "llm"
    home.mkdir()
    (home / "keys.json").write_text(json.dumps({"site": asked.environ["OPENAI_API_KEY"]}))
    model = {
        "model_id": "site",
        "model_name": asked.environ["MODEL"],
        "api_base": asked.environ["OPENAI_BASE_URL"],
        "api_key_name": "site",
    }
    # YAML is a superset of JSON.
    (home / "extra-openai-models.yaml").write_text(json.dumps([model]))
    return home


def _must_be_complete(asked: Asked) -> None:
    if (status := asked.last_status()) != "complete":
        raise RuntimeError(f"the answer ended as {status}")


def _table(shown: list[Shown]) -> str:
    lines = [f"{datetime.datetime.now(datetime.UTC):%-d %B %Y}, Python {sys.version.split()[0]}:", ""]
    lines += ["| side | program | version | shown |", "|---|---|---|---|"]
    lines += [f"| {one.side} | {one.program} | {one.version} | {one.what} |" for one in shown]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
