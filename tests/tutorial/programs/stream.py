"""The loop of every tutorial: print the answer as it comes."""

from __future__ import annotations

import os

from openai import OpenAI

# OPENAI_BASE_URL and OPENAI_API_KEY say whom to ask, and as whom.
client = OpenAI()

stream = client.chat.completions.create(
    model=os.environ["MODEL"],
    messages=[{"role": "user", "content": "Why is the sky blue? Answer in one sentence."}],
    stream=True,
)
for chunk in stream:
    if chunk.choices and chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end="", flush=True)
print()
