"""Blocking calls that may never return: each in a thread of its own, waited for no longer than a limit.

Owns the threads. They are daemon threads and not the event loop's pool, whose end a hung one would block, and with it
the end of the whole daemon. Refuses to undo anything: a call that was given up may still finish. Called by vault.py.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

Out = TypeVar("Out")


async def within(seconds: float | None, work: Callable[[], Out], name: str) -> Out:
    """Return what `work` returns in a thread called `name`, or raise what it raises.

    Raises TimeoutError after `seconds` (None: never); the thread is then left to itself. What ends a process or a
    generator ends neither: it arrives as a RuntimeError.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Out] = loop.create_future()

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            failure = RuntimeError("it stopped") if isinstance(error, StopIteration) else error
            tell(lambda: done.set_exception(failure))
        except BaseException:  # a backend of strangers that calls sys.exit
            tell(lambda: done.set_exception(RuntimeError("it wanted to end the process")))
        else:
            tell(lambda: done.set_result(result))

    def tell(settle: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(lambda: None if done.done() else settle())  # done: it was given up
        except RuntimeError:
            pass  # the loop has ended meanwhile

    threading.Thread(target=run, name=name, daemon=True).start()
    async with asyncio.timeout(seconds):
        return await done
