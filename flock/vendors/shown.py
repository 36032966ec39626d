"""Vendors and their models as the contract shows them. Pure: values made of what is known. Called by registry.py."""

from flock.contract.vendors import Vendor as View
from flock.contract.vendors import VendorKey, VendorModel
from flock.vendors.vendor import Found, Vendor


def vendor_view(vendor: Vendor, *, on: bool, enabled: bool, source: str, models: int | None) -> View:
    """Return the row of a vendor; `enabled` is whether vendors are on at all."""
    return View(
        name=vendor.name,
        title=vendor.profile.title,
        state="on" if on else "off",
        url=vendor.base,
        keys=tuple(VendorKey(key.name, key.state, key.seconds) for key in vendor.channel.states()),
        dialects=tuple(sorted(vendor.profile.dialects)),
        prefixes=vendor.prefixes,
        patterns=vendor.models,
        models=models,
        tags=vendor.tags,
        own_credentials=vendor.own_credentials,
        source=source,
        docs=vendor.docs,
        note="" if on else _why_off(vendor, enabled),
    )


def model_view(vendor: Vendor, found: Found) -> VendorModel:
    """Return the row of a model of a vendor's list, under the id by which flock is asked for it."""
    price = vendor.price(found.id) or found.price
    return VendorModel(
        id=f"{vendor.prefixes[0]}{found.id}" if vendor.prefixes else found.id,
        name=found.id,
        kind=vendor.kind(found.id),
        context=found.context,
        input_price=price.input if price else None,
        output_price=price.output if price else None,
    )


def _why_off(vendor: Vendor, enabled: bool) -> str:
    if not enabled:
        return "router.fallback.enabled is false, which turns every vendor off"
    if not vendor.base:
        return "its URL is not known"
    return "no key for it is known"
