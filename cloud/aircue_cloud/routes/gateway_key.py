"""The gateway behind a request, by its key."""

from aircue_cloud.routes.access import gateway

__all__ = ["gateway"]
