"""Inviting somebody. What tools there are and how a card reads takes a megabyte that no daemon needs before: who
invites first loads invitation.py.
"""

from flock.contract.connect import Invitation, Invite
from flock.core.context import Actor, Context
from flock.core.operations import handles


@handles(Invite)
async def invite(context: Context, op: Invite, actor: Actor) -> Invitation:
    """Make a key and its card. Raises what `invitation` does."""
    from flock.core.invitation import invitation

    return await invitation(context, op, actor)
