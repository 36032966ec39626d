"""LangChain: a chat model with one tool, asked until it calls none.

Dialects chat, responses and messages. usage: see asked.py
"""

from asked import ROUNDS, Asked, asked
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from write_file import write_file

TOOL = tool(write_file)


def model(of: Asked) -> BaseChatModel:
    """Return the chat model of a dialect."""
    if of.dialect == "messages":
        return ChatAnthropic(
            model_name=of.model, base_url=of.url, api_key=of.key, streaming=of.stream, max_tokens_to_sample=1000
        )
    responses = of.dialect == "responses"
    return ChatOpenAI(
        model=of.model, base_url=f"{of.url}/v1", api_key=of.key, streaming=of.stream, use_responses_api=responses
    )


def main() -> None:
    """Ask, call, ask again; print the text of the last answer."""
    of = asked()
    bound = model(of).bind_tools([TOOL])
    messages: list[AnyMessage] = [HumanMessage(of.prompt)]
    for _ in range(ROUNDS):
        answer: AIMessage | None = None
        if of.stream:
            for chunk in bound.stream(messages):
                answer = chunk if answer is None else answer + chunk
        else:
            answer = bound.invoke(messages)
        assert answer is not None, "nothing came"
        messages.append(answer)
        print(answer.text)
        if not answer.tool_calls:
            return
        messages += [TOOL.invoke(call) for call in answer.tool_calls]


main()
