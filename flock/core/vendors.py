"""Listing, adding, testing and removing vendors."""

from dataclasses import replace

from flock.contract.vendors import (
    AddVendor,
    CheckVendor,
    KeyCheck,
    ListVendorModels,
    ListVendors,
    RemoveVendor,
    ShowVendor,
    Vendor,
    VendorModel,
    VendorUse,
)
from flock.core.context import Actor, Context
from flock.core.operations import handles
from flock.policy import windows
from flock.policy.money import dollars
from flock.store.reckoning import Wanted
from flock.store.sums import Sums


@handles(ListVendors)
async def list_vendors(context: Context, op: ListVendors, _actor: Actor) -> list[Vendor]:
    """Return the vendors that are on, with `all` also the others."""
    return context.vendors.rows(off=op.all)


@handles(ShowVendor)
async def show_vendor(context: Context, op: ShowVendor, _actor: Actor) -> Vendor:
    """Return one vendor, and what was used of it in this day, week and month."""
    vendor = context.vendors.row(op.name)
    await context.store.writer.flush()
    now = context.clock.now()
    return replace(vendor, used=tuple([await _used(context, vendor.name, window, now) for window in windows.NAMES]))


async def _used(context: Context, vendor: str, window: str, now: float) -> VendorUse:
    since, _ = windows.bounds(window, now)
    found = await context.store.reckoning.reckon(Wanted(since, now, ("vendor",)))
    sums = found.parts.get((None, vendor)) or Sums()
    return VendorUse(
        window=window,
        requests=sums.requests,
        tokens=sums.input_tokens + sums.output_tokens,
        cost_usd=dollars(sums.nano_usd) if sums.priced else None,
        unpriced=sums.unpriced,
    )


@handles(CheckVendor)
async def check_vendor(context: Context, op: CheckVendor, _actor: Actor) -> list[KeyCheck]:
    """Ask a vendor about each of the team's keys."""
    return await context.vendors.test(op.name)


@handles(ListVendorModels)
async def list_vendor_models(context: Context, op: ListVendorModels, _actor: Actor) -> list[VendorModel]:
    """Return the list of models that a vendor shows."""
    return await context.vendors.models(op.name, fresh=op.fresh)


@handles(AddVendor)
async def add_vendor(context: Context, op: AddVendor, _actor: Actor) -> Vendor:
    """Keep a vendor and its keys; when this returns its models answer."""
    return await context.vendors.add(
        op.name,
        key=op.key,
        url=op.url,
        dialect=op.dialect,
        api_version=op.api_version,
        deployments=op.deployment,
        tags=op.tag,
        own_credentials=op.own_credentials,
        test=op.test,
    )


@handles(RemoveVendor)
async def remove_vendor(context: Context, op: RemoveVendor, _actor: Actor) -> Vendor:
    """Forget a vendor and delete its keys."""
    return await context.vendors.remove(op.name)
