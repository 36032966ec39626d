"""pydantic-ai: an agent with one tool, in every dialect. usage: see asked.py"""

import asyncio

from asked import Asked, asked
from pydantic_ai import Agent
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider
from write_file import write_file


def model(of: Asked) -> Model:
    """Return the model of a dialect."""
    match of.dialect:
        case "messages":
            return AnthropicModel(of.model, provider=AnthropicProvider(base_url=of.url, api_key=of.key))
        case "gemini":
            return GoogleModel(of.model, provider=GoogleProvider(base_url=of.url, api_key=of.key))
        case dialect:
            provider = OpenAIProvider(base_url=f"{of.url}/v1", api_key=of.key)
            return (OpenAIResponsesModel if dialect == "responses" else OpenAIChatModel)(of.model, provider=provider)


async def main() -> None:
    """Let the agent work; print its last answer."""
    of = asked()
    agent = Agent(model(of), tools=[write_file])
    if not of.stream:
        print((await agent.run(of.prompt)).output)
        return
    async with agent.run_stream(of.prompt) as run:
        async for piece in run.stream_text(delta=True):
            print(piece, end="", flush=True)
        print()


asyncio.run(main())
