"""What people see in a browser: pages rendered here, with small scripts of our own and nothing from elsewhere."""

from aircue_cloud.web.console import register
from aircue_cloud.web.refusals import page as refusal

__all__ = ["refusal", "register"]
