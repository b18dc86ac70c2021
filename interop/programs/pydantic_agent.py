"""An agent of Pydantic AI."""

from __future__ import annotations

import os

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

provider = OpenAIProvider(base_url=os.environ["OPENAI_BASE_URL"], api_key=os.environ["OPENAI_API_KEY"])
agent = Agent(OpenAIChatModel(os.environ["MODEL"], provider=provider), system_prompt="You answer briefly.")
result = agent.run_sync("Name three colours.")
print(result.output)
