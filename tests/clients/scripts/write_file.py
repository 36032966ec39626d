"""The one tool of clients that bring none of their own.

Also read by `llm --functions`, which offers every function it finds here.
Runs in the clients' environments: refuses to import anything but the standard library.
"""

import pathlib


def write_file(file_path: str, content: str) -> str:
    """Write a file with a content."""
    pathlib.Path(file_path).write_text(content)
    return f"wrote {file_path}"
