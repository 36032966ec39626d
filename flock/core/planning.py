"""How a request gets to an upstream and what is done about it before: planned, counted, answered by flock itself.

Owns the families of models and the switches of translation. Refuses to choose an upstream and to send anything
(inference.py does). Called by core/inference.py and the doors' count of tokens.
"""

from dataclasses import dataclass, replace

from flock.clock import Clock
from flock.core.answer import Answer, addressing, said
from flock.core.counting import Count, Counter
from flock.core.names import Named
from flock.core.pictures import PictureBook
from flock.core.record import Record
from flock.dialects import efforts, noops, tokens
from flock.dialects.ask import Ask
from flock.dialects.estimate import estimate
from flock.dialects.families import family_of
from flock.dialects.ir import Usage
from flock.dialects.plan import UNCHANGED, Changes, Plan, Target, plan
from flock.dialects.switches import ALL_ON, Switches
from flock.dialects.table import SERVERS, UPSTREAMS
from flock.dialects.tasks import plan as tasks
from flock.dialects.translate import Crossing
from flock.errors import FlockError
from flock.profile import NO_FAMILY, TASKS, Family, Profile
from flock.upstream import Placement, Upstream

# what is known of an engine that has not been started yet
UNKNOWN = Profile("", "the engine", frozenset({"openai"}))


@dataclass(frozen=True, slots=True)
class Manners:
    """How requests are translated: the families of models, what may be changed, who fetches pictures and who counts."""

    families: tuple[Family, ...] = ()
    switches: Switches = ALL_ON
    pictures: PictureBook | None = None
    counter: Counter | None = None


class Planning:
    """Plans requests by the manners of a daemon."""

    def __init__(self, manners: Manners, clock: Clock) -> None:
        self._manners = manners
        self._clock = clock
        self._families: dict[str, Family] = {}

    def plan(self, ask: Ask, placement: Placement, upstream: Upstream, before: Changes) -> Plan:
        """Return how a request gets to a placement's upstream. Raises what `plan.plan` says."""
        target = self._target(placement, upstream)
        if ask.endpoint in TASKS:
            return tasks.plan(ask, target)
        return plan(ask, target, self._manners.switches, before)

    def _target(self, placement: Placement, upstream: Upstream) -> Target:
        local = not placement.vendor
        return Target(
            placement.served or placement.model,
            upstream.profile,
            upstream.version,
            self.family(placement.model) if local else NO_FAMILY,
            placement.largest or placement.context,
            local=local,
            window=placement.context if placement.largest else None,
            # of a model of flock's own its files tell, and its engine knows better
            abilities=None if placement.own else placement.abilities,
        )

    def family(self, model: str) -> Family:
        """Return the family of a model, looked up once."""
        found = self._families.get(model)
        if found is None:
            families = self._manners.families
            found = self._families[model] = family_of(families, model) if families else NO_FAMILY
        return found

    async def before(self, ask: Ask, named: Named) -> Changes:
        """Return what is changed whichever upstream gets the request: pictures fetched, how much to think."""
        if ask.endpoint in TASKS:
            return UNCHANGED
        book = self._manners.pictures
        before = UNCHANGED if book is None or _fetches(ask, named) else await book.inlined(ask)
        return _with_effort(ask, before, named.effort) if named.effort else before

    def noop(self, record: Record, ask: Ask) -> Answer | None:
        """Return flock's own answer to a call that needs no model, None for every other, and where that is off."""
        if not self._manners.switches.answer_noops or ask.endpoint == "completions" or ask.endpoint in TASKS:
            return None
        try:
            request = SERVERS[ask.dialect].read_request(ask)
        except FlockError:  # an engine that speaks the dialect may know better
            return None
        found = noops.answer(request)
        if found is None:
            return None
        reply, what = found
        record.plan, record.engine, record.usage = "answered", "flock", reply.usage
        record.notes.append(
            f"{what}, answered by flock; to ask the model: flock config set translation.answer_noops false"
        )
        record.chosen = record.first = record.last = self._clock.monotonic()
        crossing = Crossing(request, SERVERS[ask.dialect], UPSTREAMS["openai"])  # nobody is asked
        return said(crossing, reply, addressing(record), stream=ask.stream)

    async def count(self, ask: Ask, named: Named, placement: Placement) -> Count:
        """Return the tokens of a prompt as an engine that would answer it counts them; starts none, asks no vendor.

        What Claude Code is told is in proportion to the window it assumes, like the usage of its answers. Raises
        ModelNotFound, InvalidRequest, Unsupported.
        """
        upstream = placement.upstream
        asked = replace(ask, endpoint="messages", path="/v1/messages") if ask.dialect == "anthropic" else ask
        profile = replace(upstream.profile if upstream else UNKNOWN, dialects=frozenset({"openai"}), native={})
        target = Target(named.model, profile, family=self.family(named.model), context=placement.context)
        made = plan(asked, target, self._manners.switches)
        request = SERVERS[ask.dialect].read_request(asked)
        counter = self._manners.counter
        if upstream is None or counter is None or placement.vendor:
            counted = Count(estimate(request), "estimate")
        else:
            counted = await counter.count(ask, request, upstream, made.sent)
        scaled = None if placement.vendor else tokens.scale(asked, placement.context, self._manners.switches)
        return counted if scaled is None else Count(scaled(Usage(input=counted.tokens)).input, counted.how)


def _fetches(ask: Ask, named: Named) -> bool:
    """Return whether whoever answers fetches pictures itself: vendors do, of requests in a dialect of their own."""
    places = named.placements
    return all(p.vendor and p.upstream is not None and ask.dialect in p.upstream.profile.dialects for p in places)


def _with_effort(ask: Ask, before: Changes, effort: str) -> Changes:
    """Return the changes, and how much to think as the model's name said."""
    words = f"effort: {effort}, by the model's name"
    return Changes({**before.fields, **efforts.fields(ask.dialect, ask.body, effort)}, (*before.edits, words))
