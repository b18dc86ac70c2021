"""Three attempts, with a pause that grows between them."""

from __future__ import annotations

import os
import sys
import time

from openai import APIError, OpenAI

ATTEMPTS = 3

# The loop below does what the client would otherwise do by itself.
client = OpenAI(max_retries=0)

for attempt in range(1, ATTEMPTS + 1):
    try:
        stream = client.chat.completions.create(
            model=os.environ["MODEL"],
            messages=[{"role": "user", "content": "Write one sentence about the sea."}],
            stream=True,
        )
        answer = ""
        for chunk in stream:
            if chunk.choices:
                answer += chunk.choices[0].delta.content or ""
        print(answer)
        break
    except APIError as error:
        print(f"attempt {attempt}: {error.code}", file=sys.stderr)
        if attempt == ATTEMPTS:
            raise
        time.sleep(0.1 * 2**attempt)
