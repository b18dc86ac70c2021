"""An agent that calls a tool: the model's call goes out, the tool's answer comes back in."""

from __future__ import annotations

import os

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

provider = OpenAIProvider(base_url=os.environ["OPENAI_BASE_URL"], api_key=os.environ["OPENAI_API_KEY"])
agent = Agent(OpenAIChatModel(os.environ["MODEL"], provider=provider))


@agent.tool_plain
def weather(city: str) -> str:
    """The weather in a city."""
    return f"snow in {city}"


print(agent.run_sync("What is the weather in Oslo?").output)
