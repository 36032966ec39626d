"""What a vendor says itself that a model costs, and under which names the public tables may have it.

Pure: values made of a vendor's row and of what is known of its list. Called by registry.py.
"""

from flock.upstream import Price
from flock.vendors.discovered import Discovered
from flock.vendors.listed import Listed
from flock.vendors.tables import Wanted
from flock.vendors.vendor import Vendor


def bare(vendor: Vendor, model: str) -> str:
    """Return a model's name at the vendor: without the vendor's own word before it."""
    return next((model[len(prefix) :] for prefix in vendor.prefixes if model.startswith(prefix)), model)


def own_price(vendor: Vendor, served: str, discovered: Discovered) -> Price | None:
    """Return what the rate card of its row or its own list says, None where neither does."""
    found = discovered.one(vendor.name, served)
    return vendor.price(served) or (found.price if found else None)


def wanted(vendor: Vendor, served: str) -> Wanted:
    """Return what the tables are to be asked for; a deployment is asked for as the model that it is of."""
    if not isinstance(vendor, Listed):
        return Wanted(vendor.name, served, url=vendor.base)
    row = vendor.row
    models = {deployment: model for model, deployment in row.deployments.items()}
    return Wanted(vendor.name, models.get(served, served), row.priced_as, row.base)
