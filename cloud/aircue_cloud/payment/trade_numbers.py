"""Our ids of payments as numbers that Alipay and WeChat Pay take: letters and digits, at most 32."""

from uuid import UUID

from aircue_cloud.payment.provider import Refused


def of(payment: str) -> str:
    """A UUID without its dashes.

    >>> of("0b9d6a58-3f0f-5c1e-8d2e-7a5f0c6b4e21")
    '0b9d6a583f0f5c1e8d2e7a5f0c6b4e21'
    """
    try:
        number = UUID(payment)
    except ValueError as error:
        raise Refused(f"payment {payment!r:.60} is no UUID") from error
    return number.hex


def payment(number: str) -> str:
    """As it is what we gave out; anything else as it was said, which is then no payment of ours."""
    try:
        return str(UUID(number)) if len(number) == 32 else number
    except ValueError:
        return number
