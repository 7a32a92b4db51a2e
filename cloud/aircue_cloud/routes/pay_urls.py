"""Where shoppers come back to from a payment, and where its provider calls back."""

from flask import request

from aircue_cloud.orders.paying import Urls
from aircue_cloud.routes.services import config, store


def ours() -> Urls:
    """Of this server, as the request calls it where the configuration does not say."""
    ours = config().public_url or request.host_url.rstrip("/")
    order = f"{ours}/orders/ORDER"
    return Urls(
        returns=order,
        cancels=f"{order}?said=left",
        notifies=f"{ours}/api/v1/payments/PROVIDER/callback/{store()}",
    )
