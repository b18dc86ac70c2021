"""LangChain's own loop."""

from __future__ import annotations

import os

from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    model=os.environ["MODEL"],
    base_url=os.environ["OPENAI_BASE_URL"],
    api_key=os.environ["OPENAI_API_KEY"],
    stream_usage=True,
)
tokens = 0
for chunk in model.stream("Why is the sky blue? Answer in one sentence."):
    print(chunk.content, end="", flush=True)
    if chunk.usage_metadata:
        tokens = chunk.usage_metadata["output_tokens"]
assert tokens
