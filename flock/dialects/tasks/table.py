"""The tasks by name, and the paths they are asked for at. Read by the plan and the door."""

from collections.abc import Mapping

from flock.dialects.tasks.task import Task

TASKS: Mapping[str, Task] = {}
# path → (the client's dialect, the task); "{model}" stands for a model's name in it
PATHS: Mapping[str, tuple[str, str]] = {}
