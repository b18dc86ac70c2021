"""The answer in one piece, and what it took."""

from __future__ import annotations

import os

from openai import OpenAI

client = OpenAI()

completion = client.chat.completions.create(
    model=os.environ["MODEL"],
    messages=[
        {"role": "system", "content": "You answer briefly."},
        {"role": "user", "content": "Name three colours."},
    ],
    max_tokens=40,
)
print(completion.choices[0].message.content)
assert completion.usage is not None
print(completion.choices[0].finish_reason, completion.usage.completion_tokens)
