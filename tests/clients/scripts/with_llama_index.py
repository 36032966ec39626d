"""LlamaIndex: a model like OpenAI's with one tool, asked until it calls none.

The dialect is chat: its class for Anthropic knows Anthropic's own models alone. usage: see asked.py
"""

from asked import ROUNDS, asked
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from write_file import write_file


def main() -> None:
    """Ask, call, ask again; print the text of the last answer."""
    of = asked()
    tool = FunctionTool.from_defaults(write_file)
    model = OpenAILike(
        model=of.model, api_base=f"{of.url}/v1", api_key=of.key, is_chat_model=True, is_function_calling_model=True
    )
    messages = [ChatMessage(of.prompt, role=MessageRole.USER)]
    for _ in range(ROUNDS):
        if of.stream:
            *_, answer = model.stream_chat_with_tools([tool], chat_history=messages)
        else:
            answer = model.chat_with_tools([tool], chat_history=messages)
        messages.append(answer.message)
        print(answer.message.content or "")
        calls = model.get_tool_calls_from_response(answer, error_on_no_tool_call=False)
        if not calls:
            return
        for call in calls:
            told = {"tool_call_id": call.tool_id, "name": call.tool_name}
            said = str(tool.call(**call.tool_kwargs))
            messages.append(ChatMessage(said, role=MessageRole.TOOL, additional_kwargs=told))


main()
