"""Listing, adding, testing and removing vendors."""

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
)
from flock.core.context import Actor, Context
from flock.core.operations import handles


@handles(ListVendors)
async def list_vendors(context: Context, op: ListVendors, _actor: Actor) -> list[Vendor]:
    """Return the vendors that are on, with `all` also the others."""
    return context.vendors.rows(off=op.all)


@handles(ShowVendor)
async def show_vendor(context: Context, op: ShowVendor, _actor: Actor) -> Vendor:
    """Return one vendor."""
    return context.vendors.row(op.name)


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
