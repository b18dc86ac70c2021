"""What README and docs/ say is true of the code as it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from django.conf import settings

from chat import consumers, lifecycle, outbox, protocol
from chat.conf import Settings
from chat.engine import housekeeping
from chat.exceptions import SENTENCES
from chat.models.status import LIVE, Status
from chat.upstream.errors import CODES
from chat.views.completions import errors
from chat.views.completions.request import MAX_BODY, CompletionRequest
from chat.views.doors import STATUS
from chat.views.messages import MAX_PINNED

ROOT: Path = settings.BASE_DIR
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
#: Stands for each of the plain keys.
ANY_KEY = "LLMCHAT_<KEY>"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def named(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def table(text: str, head: str) -> dict[str, list[str]]:
    """The rows of the table whose head line begins so: first column as it stands, then the others."""
    (lines,) = [part for part in text.split("\n\n") if part.startswith(head)]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines.splitlines()[2:]]
    return {row[0]: row[1:] for row in rows}


def fields(struct: Any, *, optional: str = "") -> set[str]:
    """A struct's fields; those that need not be there with `optional` behind them."""
    return {
        field.encode_name + ("" if field.required else optional) for field in msgspec.structs.fields(struct)
    }


def tag(struct: Any) -> str:
    return str(struct.__struct_config__.tag)


def anchors(page: Path) -> set[str]:
    """The fragments of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_begins_with_the_two_commands() -> None:
    first = [line for line in text_of("README.md").splitlines() if line.startswith("$ ")][:2]
    assert [line.split("#")[0].split() for line in first] == [["$", "make", "run"], ["$", "make", "test"]]


def test_the_settings_of_the_readme_are_those_of_the_code() -> None:
    told = {
        named(key)[0]: named(row[0])[0]
        for key, row in table(text_of("README.md"), "| key | default |").items()
    }
    defaults = Settings()
    assert set(told) == fields(Settings)
    for name, default in told.items():
        assert ast.literal_eval(default) == getattr(defaults, name), name


def test_every_variable_that_the_site_reads_is_explained() -> None:
    reader = re.compile(
        r'(?:environ(?:\.get\(|\.setdefault\(|\[)|switch\(|words\(|choice\()\s*"([A-Z][A-Z_]+)"'
    )
    read = {name for path in (ROOT / "project").glob("*.py") for name in reader.findall(path.read_text())}
    rows = table(text_of("docs/deployment.md"), "| variable |")
    told = {name for key in rows for name in named(key)}
    assert told - {ANY_KEY, "LLMCHAT_MODEL"} == read - {"DJANGO_SETTINGS_MODULE"}


@each_page
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    for name in named(page.read_text()):
        if not name.startswith("tests/"):
            continue
        path, _, test = name.partition("::")
        assert (ROOT / path).exists(), name
        if test:
            assert re.search(rf"^(?:async )?def {test}\(", text_of(path), re.MULTILINE), name


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r'\]\(([^)\s]+)\)|src="([^"]+)"', text):
        target = "".join(link)
        if re.match(r"\w+:", target):
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_relative_to(ROOT), target
        assert file.exists(), target
        if fragment:
            assert fragment in anchors(file), target


@each_page
def test_python_snippets_compile(page: Path) -> None:
    for snippet in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        body = snippet
        if snippet.startswith(" "):
            # Taken from the middle of something: of a dictionary, or of a function.
            inside = snippet.lstrip().startswith('"')
            body = f"{{\n{snippet}}}" if inside else f"def quoted():\n{snippet}"
        compile(body, str(page), "exec", flags=ast.PyCF_ONLY_AST)


@each_page
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", text_of("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ |… )make ([\w-]+)", page.read_text())) <= targets


def test_the_commands_of_the_protocol_are_those_of_the_code() -> None:
    told = table(text_of("docs/protocol.md"), "| type | fields | reply |")
    commands = {tag(struct): fields(struct, optional="?") for struct in get_args(protocol.Command)}
    assert {named(key)[0]: set(named(row[0])) for key, row in told.items()} == commands


def test_the_frames_of_the_protocol_are_those_of_the_code() -> None:
    told = table(text_of("docs/protocol.md"), "| type | fields |\n")
    pages = {
        named(key)[0]: {name.rstrip("?") for name in named(row[0])}
        for key, row in told.items()
        if named(key)[0] != "event"
    }
    assert pages == {tag(struct): fields(struct) for struct in get_args(protocol.Frame)}


def closes(modules: Iterable[Any]) -> set[int]:
    return {value for module in modules for name, value in vars(module).items() if name.startswith("CLOSE_")}


def test_the_close_codes_of_the_protocol_are_those_of_the_code() -> None:
    told = table(text_of("docs/protocol.md"), "| close |")
    assert set(map(int, told)) == closes((lifecycle, consumers, housekeeping, outbox))


def test_the_error_codes_of_the_protocol_are_those_of_the_code() -> None:
    rows = table(text_of("docs/protocol.md"), "| code | where |")
    told = {named(key)[0]: set(row[0].split(", ")) for key, row in rows.items()}
    assert set(told) == set(SENTENCES)
    assert {code for code, where in told.items() if "end" in where} == CODES | {"internal"}


def test_the_codes_said_to_be_reserved_are_sent_by_nobody() -> None:
    rows = table(text_of("docs/protocol.md"), "| code | where |")
    reserved = [named(key)[0] for key, row in rows.items() if not row[0]]
    raised = "".join(
        path.read_text()
        for path in (ROOT / "chat").rglob("*.py")
        if path.name not in ("exceptions.py", "doors.py", "errors.py")
    )
    assert [code for code in reserved if f'"{code}"' in raised] == []


def test_the_http_statuses_of_the_protocol_are_those_of_the_code() -> None:
    rows = table(text_of("docs/protocol.md"), "| status | code |")
    told = {(code, int(status)) for status, row in rows.items() for code in named(row[0])}
    # Signed out is `forbidden` with a status of its own; what has none is ours.
    assert told == {*STATUS.items(), ("forbidden", 401), ("internal", 500)}


def test_the_errors_of_the_api_page_are_those_of_the_code() -> None:
    told = set()
    (lines,) = [part for part in text_of("docs/api.md").split("\n\n") if part.startswith("| status | type |")]
    for line in lines.splitlines()[2:]:
        status, type, codes, _ = (cell.strip() for cell in line.strip("|").split("|"))
        told |= {(int(status), named(type)[0], code) for code in named(codes)}
    shaped = {(status, type, code) for status, type, code, _ in errors._SHAPES.values() if code}
    assert shaped <= told
    source = "".join(path.read_text() for path in (ROOT / "chat" / "views" / "completions").glob("*.py"))
    assert [code for _, _, code in told if f'"{code}"' not in source] == []


def test_the_parameters_of_the_api_page_are_those_of_the_code() -> None:
    rows = table(text_of("docs/api.md"), "| parameter |")
    taken = {name for key in rows for name in named(key)}
    refused = {"logprobs", "top_logprobs", "functions", "function_call", "modalities"}
    assert taken | refused == fields(CompletionRequest)
    assert f"at most {MAX_BODY >> 20} MiB" in text_of("docs/api.md")


def test_the_ends_of_the_protocol_are_those_of_the_code() -> None:
    rows = table(text_of("docs/protocol.md"), "| status | means |")
    assert {named(key)[0] for key in rows} == {status.value for status in Status} - set(LIVE)


def test_the_sizes_of_the_protocol_are_those_of_the_code() -> None:
    text = text_of("docs/protocol.md")
    assert f"{outbox.WINDOW // 1024} KiB of answer frames" in text
    assert f"of at most {protocol.MAX_INBOUND_BYTES // 1024} KiB" in text
    assert f"After {outbox.STALL_PATIENCE:.0f} s at the limit" in text
    assert f"more than {outbox.MAX_REPLAY} are missing" in text
    assert f"At most {consumers.MAX_COMMANDS} may wait" in text
    assert f"{consumers.MAX_BAD_FRAMES} frames in a row" in text
    assert f"at most {MAX_PINNED} are pinned" in text


@pytest.mark.parametrize(
    ("said", "test", "asserted"),
    [
        ("10,000 awkward tokens", "tests/laws/test_prefix.py", "range(10_000)"),
        ("at 500 a second", "tests/laws/test_prefix.py", "rate=500"),
        ("cut at least 150 times", "tests/laws/test_prefix.py", "client.connections > 150"),
        ("500 random steps", "tests/laws/test_state_machine.py", "Laws.steps >= 500"),
        ("at most 250 ms of text", "tests/laws/test_processes.py", "lost <= 0.25 * RATE"),
        ("Within 15 s of the next", "tests/laws/test_processes.py", "time.monotonic() - started <= 15"),
        ("closed within 500 ms", "tests/laws/test_stop.py", "DEADLINE = 0.5"),
        ("256 KiB and one frame", "tests/laws/test_processes.py", "<= 256 * 1024 + max(encoded)"),
        ("at most ten write transactions", "tests/laws/test_processes.py", "rate <= 10"),
        ("with\ntwo queries", "tests/laws/test_sessions.py", "django_assert_max_num_queries(2)"),
        ("`DRAIN_SECONDS` and two seconds", "tests/laws/test_processes.py", "<= drain + 2"),
        ("add up to at most 1.5 s", "tests/engine/test_attempts.py", "for event in events) <= 1.5"),
        ("breaks an answer at 50 points", "tests/engine/test_attempts.py", "len(PROSE) - 1), 50))"),
        ("grows by at most 40 MB", "tests/laws/test_processes.py", "grown <= 40"),
    ],
)
def test_every_figure_of_the_reliability_page_is_asserted_by_a_test(
    said: str, test: str, asserted: str
) -> None:
    assert said in text_of("docs/reliability.md")
    assert asserted in text_of(test)
