"""Vectors that the providers published themselves, in their SDKs' tests and in their documentation: each is named with
where it is from, and run through our own code. Values alone are taken over.

The private key of WeChat Pay's SDK is public and for tests; PayPal's certificate ended in 2017, so that its vectors
are read at the time they are of.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from cryptography import x509

from aircue_cloud.payment import alipay, paypal, signatures, stripe, wechat
from aircue_cloud.payment.provider import Callback, NotGenuine, Told


@dataclass(frozen=True, kw_only=True)
class Vector:
    """run: raises where our code finds something else."""

    name: str
    source: str
    run: Callable[[], None]


def callback(headers: Mapping[str, str], body: bytes, at: datetime) -> Callback:
    small = {name.lower(): value for name, value in headers.items()}
    return Callback(headers=small, body=body, query={}, received_at=at)


def expect(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"found {found!r}, expected {expected!r}")


def certificate(bare: str) -> bytes:
    lines = [bare[at : at + 64] for at in range(0, len(bare), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""]).encode()


def refused(act: Callable[[], object], reason: str) -> None:
    try:
        act()
    except NotGenuine as error:
        expect(str(error).partition(":")[0], reason)
        return
    raise AssertionError("it was taken")


STRIPE_BODY = (
    "{\n"
    '  "id": "evt_123",\n'
    '  "object": "event",\n'
    '  "account": "acct_123",\n'
    '  "api_version": "2017-05-25",\n'
    '  "created": 1533204620,\n'
    '  "data": {\n'
    '    "object": {\n'
    '      "id": "cus_123",\n'
    '      "object": "customer",\n'
    '      "created": 123456789,\n'
    '      "email": "test@stripe.com",\n'
    '      "livemode": false,\n'
    '      "metadata": {}\n'
    "    }\n"
    "  },\n"
    '  "livemode": false,\n'
    '  "pending_webhooks": 1,\n'
    '  "request": {\n'
    '    "id": "req_123",\n'
    '    "idempotency_key": "idempotency-key-123"\n'
    "  },\n"
    '  "type": "customer.created"\n'
    "}\n"
)

PAYPAL_CERTIFICATE = (
    "MIIHqDCCBpCgAwIBAgIQCSVMkxB1Kw9SPZtpAr3lTDANBgkqhkiG9w0BAQsFADB1MQswCQYDVQQGEwJVUzEVMBMGA1UEChMMRGlnaUNlcn"
    "QgSW5jMRkwFwYDVQQLExB3d3cuZGlnaWNlcnQuY29tMTQwMgYDVQQDEytEaWdpQ2VydCBTSEEyIEV4dGVuZGVkIFZhbGlkYXRpb24gU2Vy"
    "dmVyIENBMB4XDTE1MDMxODAwMDAwMFoXDTE3MDMyMjEyMDAwMFowggElMR0wGwYDVQQPDBRQcml2YXRlIE9yZ2FuaXphdGlvbjETMBEGCy"
    "sGAQQBgjc8AgEDEwJVUzEZMBcGCysGAQQBgjc8AgECEwhEZWxhd2FyZTEQMA4GA1UEBRMHMzAxNDI2NzEWMBQGA1UECRMNMjIxMSBOIDFz"
    "dCBTdDEOMAwGA1UEERMFOTUxMzExCzAJBgNVBAYTAlVTMRMwEQYDVQQIEwpDYWxpZm9ybmlhMREwDwYDVQQHEwhTYW4gSm9zZTEVMBMGA1"
    "UEChMMUGF5UGFsLCBJbmMuMRgwFgYDVQQLEw9QYXJ0bmVyIFN1cHBvcnQxNDAyBgNVBAMTK21lc3NhZ2V2ZXJpZmljYXRpb25jZXJ0cy5z"
    "YW5kYm94LnBheXBhbC5jb20wggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDIXgwJj1E+vPOLNA7e3nFsRpQq7G1CFcoCNeRgFI"
    "GRfd4itt2jBRPfHXf1eeXODQ6VwTMP6rVYrI3HBQu5SZRZKO3gALPiBWTcz5FhVovYDz/d/DtasA5L7l1xmRM+GGPEe/D3ETPeyym6GTAu"
    "IzR1ju1BuSQlVnIrcILDHrFZo0RyqFH1eNL3oYfgz+ZCv+WH65rhS60VowiLAb2lsARckJ2P8wKIps3YUxAqVG5SJ9H49ueBDI01wEzE/+"
    "59J8s9GThmbMTqP6x4MneAcGN1TPimGd9wZlbwwrCYDtCoqFDcxMVgvD83uPrIinFwTIOXw63QSv8/+ANuawBcNJDrAgMBAAGjggOAMIID"
    "fDAfBgNVHSMEGDAWgBQ901Cl1qCt7vNKYApl0yHU+PjWDzAdBgNVHQ4EFgQUt5yLggZOjjfzULzZCgX2KZO3R/gwNgYDVR0RBC8wLYIrbW"
    "Vzc2FnZXZlcmlmaWNhdGlvbmNlcnRzLnNhbmRib3gucGF5cGFsLmNvbTAOBgNVHQ8BAf8EBAMCBaAwHQYDVR0lBBYwFAYIKwYBBQUHAwEG"
    "CCsGAQUFBwMCMHUGA1UdHwRuMGwwNKAyoDCGLmh0dHA6Ly9jcmwzLmRpZ2ljZXJ0LmNvbS9zaGEyLWV2LXNlcnZlci1nMS5jcmwwNKAyoD"
    "CGLmh0dHA6Ly9jcmw0LmRpZ2ljZXJ0LmNvbS9zaGEyLWV2LXNlcnZlci1nMS5jcmwwQgYDVR0gBDswOTA3BglghkgBhv1sAgEwKjAoBggr"
    "BgEFBQcCARYcaHR0cHM6Ly93d3cuZGlnaWNlcnQuY29tL0NQUzCBiAYIKwYBBQUHAQEEfDB6MCQGCCsGAQUFBzABhhhodHRwOi8vb2NzcC"
    "5kaWdpY2VydC5jb20wUgYIKwYBBQUHMAKGRmh0dHA6Ly9jYWNlcnRzLmRpZ2ljZXJ0LmNvbS9EaWdpQ2VydFNIQTJFeHRlbmRlZFZhbGlk"
    "YXRpb25TZXJ2ZXJDQS5jcnQwDAYDVR0TAQH/BAIwADCCAX0GCisGAQQB1nkCBAIEggFtBIIBaQFnAHUApLkJkLQYWBSHuxOizGdwCjw1mA"
    "T5G9+443fNDsgN3BAAAAFMLovtNgAABAMARjBEAiBTR7r3p76qUJzF23lsbD/cLsA0KlxoJRSIvIK0OIYWiQIgVQWja8tWBlpcoFP30Iym"
    "7IuczitSazpHfhKAVroTgXgAdgBo9pj4H2SCvjqM7rkoHUz8cVFdZ5PURNEKZ6y7T0/7xAAAAUwui+z4AAAEAwBHMEUCIEP3VYyLQB7lOg"
    "Fo4WstyOurmRe3xa0OVaeFL/bDohHOAiEA+xQrRVAfaeT4qBdBJzLyVLU4V9bh/qBMXJdjvYujhAcAdgBWFAaaL9fC7NP14b1Esj7HRna5"
    "vJkRXMDvlJhV1onQ3QAAAUwui+6EAAAEAwBHMEUCIQC/YUc5X6xyb3hoo4VMSJqSoNg9KKkvLh9nUQCdwHi3/QIgNwcBc9ZZCR/aWXQ7hK"
    "H6d39kpkDX2Z43XPy/Kl5sKI4wDQYJKoZIhvcNAQELBQADggEBAHixEZNpb0M1MsvsfNI6lLKxrs9sJkcBcmxrFyhTC8KP+Qp+Z1fnMRQw"
    "pTLIMr1+uAMqCPAnIShGHeFNJpUFSMyW4o0l+pZGz/L/YJBs7XP3ChSGC17ZKeGSQFfMqMQXfY/L6+n/1HkAwqmewqUMEuUmWN3FkXJqVn"
    "gIYGZtxXRyiv2azLOhrNP8BgNZK6d2gVxntQfGr4hnd8Juq8SJy/S4xpPYYPD8vW7/wSOdAe1/kU38QwDVBQ5PJePS2WFwz8YA/eKcyg9l"
    "fsianfw35SjehJbnwGwzUbjtibyJnv3eAeYDGxaI6vbuoE99pSmYGIwSBLJwZamJHjci6HL6wLg="
)

DIGICERT_INTERMEDIATE = (
    "MIIEtjCCA56gAwIBAgIQDHmpRLCMEZUgkmFf4msdgzANBgkqhkiG9w0BAQsFADBsMQswCQYDVQQGEwJVUzEVMBMGA1UEChMMRGlnaUNlcn"
    "QgSW5jMRkwFwYDVQQLExB3d3cuZGlnaWNlcnQuY29tMSswKQYDVQQDEyJEaWdpQ2VydCBIaWdoIEFzc3VyYW5jZSBFViBSb290IENBMB4X"
    "DTEzMTAyMjEyMDAwMFoXDTI4MTAyMjEyMDAwMFowdTELMAkGA1UEBhMCVVMxFTATBgNVBAoTDERpZ2lDZXJ0IEluYzEZMBcGA1UECxMQd3"
    "d3LmRpZ2ljZXJ0LmNvbTE0MDIGA1UEAxMrRGlnaUNlcnQgU0hBMiBFeHRlbmRlZCBWYWxpZGF0aW9uIFNlcnZlciBDQTCCASIwDQYJKoZI"
    "hvcNAQEBBQADggEPADCCAQoCggEBANdTpARR+JmmFkhLZyeqk0nQOe0MsLAAh/FnKIaFjI5j2ryxQDji0/XspQUYuD0+xZkXMuwYjPrxDK"
    "ZkIYXLBxA0sFKIKx9om9KxjxKws9LniB8f7zh3VFNfgHk/LhqqqB5LKw2rt2O5Nbd9FLxZS99RStKh4gzikIKHaq7q12TWmFXo/a8aUGxU"
    "vBHy/Urynbt/DvTVvo4WiRJV2MBxNO723C3sxIclho3YIeSwTQyJ3DkmF93215SF2AQhcJ1vb/9cuhnhRctWVyh+HA1BV6q3uCe7seT6Ku"
    "8hI3UarS2bhjWMnHe1c63YlC3k8wyd7sFOYn4XwHGeLN7x+RAoGTMCAwEAAaOCAUkwggFFMBIGA1UdEwEB/wQIMAYBAf8CAQAwDgYDVR0P"
    "AQH/BAQDAgGGMB0GA1UdJQQWMBQGCCsGAQUFBwMBBggrBgEFBQcDAjA0BggrBgEFBQcBAQQoMCYwJAYIKwYBBQUHMAGGGGh0dHA6Ly9vY3"
    "NwLmRpZ2ljZXJ0LmNvbTBLBgNVHR8ERDBCMECgPqA8hjpodHRwOi8vY3JsNC5kaWdpY2VydC5jb20vRGlnaUNlcnRIaWdoQXNzdXJhbmNl"
    "RVZSb290Q0EuY3JsMD0GA1UdIAQ2MDQwMgYEVR0gADAqMCgGCCsGAQUFBwIBFhxodHRwczovL3d3dy5kaWdpY2VydC5jb20vQ1BTMB0GA1"
    "UdDgQWBBQ901Cl1qCt7vNKYApl0yHU+PjWDzAfBgNVHSMEGDAWgBSxPsNpA/i/RwHUmCYaCALvY2QrwzANBgkqhkiG9w0BAQsFAAOCAQEA"
    "nbbQkIbhhgLtxaDwNBx0wY12zIYKqPBKikLWP8ipTa18CK3mtlC4ohpNiAexKSHc59rGPCHg4xFJcKx6HQGkyhE6V6t9VypAdP3THYUYUN"
    "9XR3WhfVUgLkc3UHKMf4Ib0mKPLQNa2sPIoc4sUqIAY+tzunHISScjl2SFnjgOrWNoPLpSgVh5oywM395t6zHyuqB8bPEs1OG9d4Q3A84y"
    "tciagRpKkk47RpqF/oOi+Z6Mo8wNXrM9zwR4jxQUezKcxwCmXMS1oVWNWlZopCJwqjyBcdmdqEU79OX2olHdx3ti6G8MdOu42vi/hw15UJ"
    "GQmxg7kVkn8TUoE6smftX3eg=="
)

DIGICERT_ROOT = (
    "MIIDxTCCAq2gAwIBAgIQAqxcJmoLQJuPC3nyrkYldzANBgkqhkiG9w0BAQUFADBsMQswCQYDVQQGEwJVUzEVMBMGA1UEChMMRGlnaUNlcn"
    "QgSW5jMRkwFwYDVQQLExB3d3cuZGlnaWNlcnQuY29tMSswKQYDVQQDEyJEaWdpQ2VydCBIaWdoIEFzc3VyYW5jZSBFViBSb290IENBMB4X"
    "DTA2MTExMDAwMDAwMFoXDTMxMTExMDAwMDAwMFowbDELMAkGA1UEBhMCVVMxFTATBgNVBAoTDERpZ2lDZXJ0IEluYzEZMBcGA1UECxMQd3"
    "d3LmRpZ2ljZXJ0LmNvbTErMCkGA1UEAxMiRGlnaUNlcnQgSGlnaCBBc3N1cmFuY2UgRVYgUm9vdCBDQTCCASIwDQYJKoZIhvcNAQEBBQAD"
    "ggEPADCCAQoCggEBAMbM5XPm+9S75S0tMqbf5YE/yc0lSbZxKsPVlDRnogocsF9ppkCxxLeyj9CYpKlBWTrT3JTWPNt0OKRKzE0lgvdKpV"
    "MSOO7zSW1xkX5jtqumX8OkhPhPYlG++MXs2ziS4wblCJEMxChBVfvLWokVfnHoNb9Ncgk9vjo4UFt3MRuNs8ckRZqnrG0AFFoEt7oT61EK"
    "mEFBIk5lYYeBQVCmeVyJ3hlKV9Uu5l0cUyx+mM0aBhakaHPQNAQTXKFx01p8VdteZOE3hzBWBOURtCmAEvF5OYiiAhF8J2a3iLd48soKqD"
    "irCmTCv2ZdlYTBoSUeh10aUAsgEsxBu24LUTi4S8sCAwEAAaNjMGEwDgYDVR0PAQH/BAQDAgGGMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0O"
    "BBYEFLE+w2kD+L9HAdSYJhoIAu9jZCvDMB8GA1UdIwQYMBaAFLE+w2kD+L9HAdSYJhoIAu9jZCvDMA0GCSqGSIb3DQEBBQUAA4IBAQAcGg"
    "aX3NecnzyIZgYIVyHbIUf4KmeqvxgydkAQV8GK83rZEWWONfqe/EW1ntlMMUu4kehDLI6zeM7b41N5cdblIZQB2lWHmiRk9opmzN6cN82o"
    "NLFpmyPInngiK3BD41VHMWEZ71jFhS9OMPagMRYjyOfiZRYzy78aG6A9+MpeizGLYAiJLQwGXFK3xPkKmNEVX58Svnw2Yzi9RKR/5CYrCs"
    "SXaQ3pjOLAEFe4yHYSkVXySGnYvCoCWw9E1CAx2/S6cCZdkGCevEsXCS+0yx5DaMkHJ8HSXPfqIbloEpw8nL+e/IBcm2PN7EeqJSdnoDfz"
    "AIJ9VNep+OkuE6N36B9K"
)

PAYPAL_BODY = (
    '{"id":"WH-0G2756385H040842W-5Y612302CV158622M","create_time":"2015-05-18T15:45:13Z","resource_type":"sale"'
    ',"event_type":"PAYMENT.SALE.COMPLETED","summary":"Payment completed for $ 20.0 USD","resource":{"id":"4EU7'
    '004268015634R","create_time":"2015-05-18T15:44:02Z","update_time":"2015-05-18T15:44:21Z","amount":{"total"'
    ':"20.00","currency":"USD"},"payment_mode":"INSTANT_TRANSFER","state":"completed","protection_eligibility":'
    '"ELIGIBLE","protection_eligibility_type":"ITEM_NOT_RECEIVED_ELIGIBLE,UNAUTHORIZED_PAYMENT_ELIGIBLE","paren'
    't_payment":"PAY-86C81811X5228590KKVNARQQ","transaction_fee":{"value":"0.88","currency":"USD"},"links":[{"h'
    'ref":"https://api.sandbox.paypal.com/v1/payments/sale/4EU7004268015634R","rel":"self","method":"GET"},{"hr'
    'ef":"https://api.sandbox.paypal.com/v1/payments/sale/4EU7004268015634R/refund","rel":"refund","method":"PO'
    'ST"},{"href":"https://api.sandbox.paypal.com/v1/payments/payment/PAY-86C81811X5228590KKVNARQQ","rel":"pare'
    'nt_payment","method":"GET"}]},"links":[{"href":"https://api.sandbox.paypal.com/v1/notifications/webhooks-e'
    'vents/WH-0G2756385H040842W-5Y612302CV158622M","rel":"self","method":"GET"},{"href":"https://api.sandbox.pa'
    'ypal.com/v1/notifications/webhooks-events/WH-0G2756385H040842W-5Y612302CV158622M/resend","rel":"resend","m'
    'ethod":"POST"}]}'
)

PAYPAL_SIGNATURE = (
    "thy4/U002quzxFavHPwbfJGcc46E8rc5jzgyeafWm5mICTBdY/8rl7WJpn8JA0GKA+oDTPsSruqusw+XXg5RLAP7ip53Euh9Xu3UbUhQFX"
    "7UgwzE2FeYoY6lyRMiiiQLzy9BvHfIzNIVhPad4KnC339dr6y2l+mN8ALgI4GCdIh3/SoJO5wE64Bh/ueWtt8EVuvsvXfda2Le5a2TrOI9"
    "vLEzsm9GS79hAR/5oLexNz8UiZr045Mr5ObroH4w4oNfmkTaDk9Rj0G19uvISs5QzgmBpauKr7Nw++JI0pr/v5mFctQkoWJSGfBGzPRXaw"
    "rvIIVHQ9Wer48GR2g9ZiApWg=="
)

PAYPAL_BODY_2 = (
    '{"id":"WH-2W7266712B616591M-36507203HX6402335","create_time":"2015-05-12T18:14:14Z","resource_type":"sale"'
    ',"event_type":"PAYMENT.SALE.COMPLETED","summary":"Payment completed for $ 20.0 USD","resource":{"id":"7DW8'
    '5331GX749735N","create_time":"2015-05-12T18:13:18Z","update_time":"2015-05-12T18:13:36Z","amount":{"total"'
    ':"20.00","currency":"USD"},"payment_mode":"INSTANT_TRANSFER","state":"completed","protection_eligibility":'
    '"ELIGIBLE","protection_eligibility_type":"ITEM_NOT_RECEIVED_ELIGIBLE,UNAUTHORIZED_PAYMENT_ELIGIBLE","paren'
    't_payment":"PAY-1A142943SV880364LKVJEFPQ","transaction_fee":{"value":"0.88","currency":"USD"},"links":[{"h'
    'ref":"https://api.sandbox.paypal.com/v1/payments/sale/7DW85331GX749735N","rel":"self","method":"GET"},{"hr'
    'ef":"https://api.sandbox.paypal.com/v1/payments/sale/7DW85331GX749735N/refund","rel":"refund","method":"PO'
    'ST"},{"href":"https://api.sandbox.paypal.com/v1/payments/payment/PAY-1A142943SV880364LKVJEFPQ","rel":"pare'
    'nt_payment","method":"GET"}]},"links":[{"href":"https://api.sandbox.paypal.com/v1/notifications/webhooks-e'
    'vents/WH-2W7266712B616591M-36507203HX6402335","rel":"self","method":"GET"},{"href":"https://api.sandbox.pa'
    'ypal.com/v1/notifications/webhooks-events/WH-2W7266712B616591M-36507203HX6402335/resend","rel":"resend","m'
    'ethod":"POST"}]}'
)

PAYPAL_SIGNATURE_2 = (
    "vSOIQFIZQHv8G2vpbOpD/4fSC4/MYhdHyv+AmgJyeJQq6q5avWyHIe/zL6qO5hle192HSqKbYveLoFXGJun2od2zXN3Q45VBXwdX3woXYG"
    "aNq532flAtiYin+tQ/0pNwRDsVIufCxa3a8HskaXy+YEfXNnwCSL287esD3HgOHmuAs0mYKQdbR4e8Evk8XOOQaZzGeV7GNXXz19gzzvyH"
    "bsbHmDz5VoRl9so5OoHqvnc5RtgjZfG8KA9lXh2MTPSbtdTLQb9ikKYnOGM+FasFMxk5stJisgmxaefpO9Q1qm3rCjaJ29aAOyDNr3Q7Wk"
    "eN3w4bSXtFMwyRBOF28pJg9g=="
)

ALIPAY_NOTIFY_KEY = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqObrdC7hrgAVM98tK0nv3hSQRGGKT4lBsQjHiGjeYZjOPIPHR5knm2jnnz/YGI"
    "XIofVHkA/tAlBAd5DrY7YpvI4tP5EONLtZKC2ghBMx7McI2wRD0xiqzxOQr1FuhZGJ8/AUokBzJrzY+aGX2xcOrxFYRlFilvVLTXg4LWjR"
    "1tdPkO6+i7wQZAIVMClPkwVRZEbaERRHlKqTzv2gGv5rDU8gRoe1LeaN+6BlbTqHWkQcNCUNrA8C6l17XAXGKDsm/9TFWwO8EPHHHCaQdj"
    "tV5/FdcWIt+L8SR1ss7EXTjYDFtxcKVv9rEoY1lX8T4mX+GbXfZHraG5NCF1+XioL5JwIDAQAB"
)

ALIPAY_NOTIFY = {
    "gmt_create": "2019-08-15 15:56:22",
    "charset": "utf-8",
    "seller_email": "z97-yuquerevenue@service.aliyun.com",
    "subject": "语雀空间 500人规模",
    "buyer_id": "2088102534368455",
    "invoice_amount": "0.10",
    "notify_id": "2019081500222155624068450559358070",
    "notify_type": "trade_status_sync",
    "trade_status": "TRADE_SUCCESS",
    "receipt_amount": "0.10",
    "buyer_pay_amount": "0.10",
    "sign_type": "RSA2",
    "app_id": "2019073166072302",
    "seller_id": "2088531891668739",
    "gmt_payment": "2019-08-15 15:56:24",
    "notify_time": "2019-08-15 15:56:25",
    "version": "1.0",
    "out_trade_no": "20190815155618536-564-57",
    "total_amount": "0.10",
    "trade_no": "2019081522001468450512505578",
    "auth_app_id": "2019073166072302",
    "buyer_logon_id": "xud***@126.com",
    "point_amount": "0.00",
    "fund_bill_list": '[{"amount":"0.10","fundChannel":"ALIPAYACCOUNT"}]',
}

ALIPAY_NOTIFY_SIGNATURE = (
    "QfTb8tqE1BMhS5qAnXtvsF3/jBkEvu9q9en0pdbBUDDjvKycZhQb7h8GDs4FKfi049PynaNuatxSgLb/nLWZpXyyh0LEWdK2S6Ri7nPwrV"
    "gOs08zugLO20vOQz44y3ti2Ncm8/wZts1Fr2gZ7pShnVX3d1B50hbsXnObT1r/U8ONNQjWXd0HIul4TG+Q3fm3svmSvFEy0WnzuhcyHPX5"
    "Gm4ELNctL6Qd5YniGJFNcc7kopHYtI/XD9YCKCH6Ct02rzUs9i11C9CsadtZn+WhxF26Dqt9sGEFajkJ8cxUTLi8+VCpLHsgPE8P0y095u"
    "QcDdK0YjCh4x7wVSov+lrmOQ=="
)

ALIPAY_KEY = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAk7LzhmMa2c4qQd4fqAqenfbuFoA7stPKvoS1LrZEsVnOOGUUjwoa1oU9xsSPjc"
    "OWhIerU/VAN4J95GIAXx59ipcleIyfLn2FhHXPgLJpvo+b2jJFyn/1/DbeJDh+0yDVAOf50Z7HhI0mdUhFMkXlT7BU0ZMtJf/TmISFEfhD"
    "U/w6qFd6D42L97byAkq0K6LroglSVF24GqJEa7hSeUIkZWj7RasykXrc2uVJ1+ejkXE0LyPxa2AHykMGbJLf5SiZvaNzUZgnKIR36mLOHp"
    "Q/2JCXxhXZYUWHzy0kMH54JcUEeksFWBYLGvLjV1phbcUIc3Q76tIuqApY6E222OoZZQIDAQAB"
)

ALIPAY_RESPONSE = (
    '{"alipay_open_file_upload_response":{"code":"10000","msg":"Success","file_id":"CAxAToWB1JsAAAAAAAAAAAAADgS'
    'LAQBr"},"sign":"F+LDzpTNiavn7xVZPGuPCSSVRSmWzJGgtuji6tVELGEaqMaNj0jRKXUEr5nloZJBBmwEnddOyCjjepMmrTKTvoOqQ0'
    "Efxpr/R1iEeHTHVbb/Q8TTh6Up5gHJDkILdaWS2q1cWeQ6VT+HQY9P3WRXS7uhILHuDODIhpAyCu5KhWGt0rMCIG+Im6NODJP2oohtSCtm"
    "TFXg58HH587Z2y2bdbjzOxLvzD9IrU1imghXQ2S/Q+wMIvRk9on6cWnBLkrNvJKapA2ReNGWOwyuASvB9zDVzhMPbR+3mfRGkVDxsq5HYL"
    'jBKGskJMXHw0HuugZij6ScRuaLPODhmHwr/pJ9yw=="}'
)

ALIPAY_LOOSE_RESPONSE = (
    '{"alipay_offline_material_image_upload_response"\n'
    "        :\n"
    '        {"code":"10000","sign":"xxx","msg":"Success","image_id":"Zp1Nm6FDTZaEuSSniGd5awAAACMAAQED","image_'
    'url":"http:\\/\\/oalipay-dl-django.alicdn.com\\/rest\\/1.0\\/image?fileIds=Zp1Nm6FDTZaEuSSniGd5awAAACMAAQE'
    'D&zoom=original"},\n'
    "\n"
    '          "sign"  :  "P8xrBWqZCUv11UrEBjhQ4Sk3hyj4607qehO2VbKIS0hWa4U+NeLlOftqTyhGv+x1lzfqN590Y/8CaNIzEEg0'
    "6FiNWJlUFM/uEFJLzSKGse4MjHbblpiSzI3eCV5RzxH26wZbEd9wyVYYi0pHFBf35UrBva47g7b5EuKCHfoVA95/zin9fAyb3xhhiHhmfG"
    "aWIDV/1LmE2vtqtOHQnISbY/deC71U614ySZ3YB97ws8npCcCJ+tgZvhHPkMRGvmyYPCRDB/aIN/sKDSLtfPp0u8DxE8pHLvCHm3wR84MQ"
    'xqNbKgpd8NTKNvH+obELsbCrqPhjW7qI48634qx6enDupw=="}'
)

ALIPAY_LOOSE_CONTENT = (
    '{"code":"10000","sign":"xxx","msg":"Success","image_id":"Zp1Nm6FDTZaEuSSniGd5awAAACMAAQED","image_url":"ht'
    "tp:\\/\\/oalipay-dl-django.alicdn.com\\/rest\\/1.0\\/image?fileIds=Zp1Nm6FDTZaEuSSniGd5awAAACMAAQED&zoom=o"
    'riginal"}'
)

WECHAT_SIGNATURE = (
    "tJHIiIS9eB2hAYstmAmbbD3ZE5LiIm/Ug5tuL4fC0YOFRWIHV39UFIZXC0e9Wl6lBu6sKvkqDkzpqzBsVHyXFlbYZTOQrVdG4b6LfTnK4m"
    "ikv9++ixJMd3vTf2yCqvBkh98zs3Ds5zsYQakzbcwhmw4fMJs4nPLws28H0UW9FjDR//rxELLwXvV1VEA1IBLX70xptjL8hrfUjEE8kkry"
    "6yNJTHZRU8CAc7qHli2Ng1V1qb9ARbK8A3ThmFmPQvRGrapI/jS2laKKgYUmfdEdkNO6B2Cke5e8VTxY406ArAmQ90GAihDwIcb16TQMnz"
    "CMBoutnwZKNiKRACrFmtxw2Q=="
)

WECHAT_BODY = (
    '{"id":"3119dfba-e649-5eec-ab1e-3412bc4d2e17","create_time":"2021-06-24T16:37:26+08:00","resource_type":"en'
    'crypt-resource","event_type":"PAYSCORE.USER_OPEN_SERVICE","summary":"签约成功","resource":{"original_type":"pa'
    'yscore","algorithm":"AEAD_AES_256_GCM","ciphertext":"YDS3lKPaC4Y52Gf3uhft5qUBlIa8b428AWTtTauHQfQrRw+X1Wpiu'
    "HIDy0vo1Vd6VEq67aVyqPdDYMkRVSDaZL3iZttevRMOoPKMifozg6XPWjIZumks/GpT48lI4NizyeaqLBokNebthah3o1H76qSlO9NkDjp"
    '9bzmKLEYYH9TEklFUpsvPqOTOcgSLgh21YJXYR7dEBXFgRLiNIKRgO5JdXh1hccRUAlyVWxE54PXpnQ==","associated_data":"pays'
    'core","nonce":"Kj7QIyUiYx1q"}}'
)

WECHAT_CERTIFICATE = (
    "MIIDVzCCAj+gAwIBAgIJANfOWdH1ItcBMA0GCSqGSIb3DQEBCwUAMEIxCzAJBgNVBAYTAlhYMRUwEwYDVQQHDAxEZWZhdWx0IENpdHkxHD"
    "AaBgNVBAoME0RlZmF1bHQgQ29tcGFueSBMdGQwHhcNMjEwNDI3MDg1NTIzWhcNMzEwNDI1MDg1NTIzWjBCMQswCQYDVQQGEwJYWDEVMBMG"
    "A1UEBwwMRGVmYXVsdCBDaXR5MRwwGgYDVQQKDBNEZWZhdWx0IENvbXBhbnkgTHRkMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQ"
    "EA2VCTd91fnUn73Xy9DLvt/V62TVxRTEEstVdeRaZ3B3leO0pldE806mXO4RwdHXagHQ4vGeZN0yqm++rDsGK+U3AH7kejyD2pXshNP9Cq"
    "5YwbptiLGtjcquw4HNxJQUOmDeJf2vg6byms9RUipiq4SzbJKqJFlUpbuIPDpSpWz10PYmyCNeDGUUK65E5h2B834uxl1zNLYQCrkdBzb8"
    "oUxwYeP5a2DNxmjL5lsJML7DGr5znsevnoqGRwTm9fxCGfy8wus7hwKz6clt3Whmmda7UAdb1c08hEQFVRbF14AR73xbnd8N0obCWJPCbz"
    "MCtkaSef4FdEEgEXJiw0VAJT8wIDAQABo1AwTjAdBgNVHQ4EFgQUT1c7nd/SUO76HSoZumNUJv1R5PwwHwYDVR0jBBgwFoAUT1c7nd/SUO"
    "76HSoZumNUJv1R5PwwDAYDVR0TBAUwAwEB/zANBgkqhkiG9w0BAQsFAAOCAQEAfTjxKRQMzNB/U6ZoCUS+BSNfa2Oh0plMN6ZuzwiVVZwg"
    "1jywvv5yv04koS7Pd4i9E4gt9ZBUQXlpq+A3oOCEEHNRR6b2kyazGRM7s0OP5X21WrbpSmKmU6K7hkfx30yYs08LVs/Q8DIhvaj1FCFeJz"
    "UCzYn/fHMq4tsbKO0dKAeydPM/nrUZBmaYQVKMVOORGLFjFKVO7JV6Kq/R86ouhjEPgJOe2xulNBUcjicqtZlBdEh/PWCYP2SpGVDclKm8"
    "jeo175T3EVAkdKzzmfpxtMmnMlmqcTJOU9TxuGvNASMtjj7pYIerTx+xgZDXEVBWFW9PjJ0TV06tCRsgSHItgg=="
)

WECHAT_PRIVATE_KEY = (
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDZUJN33V+dSfvdfL0Mu+39XrZNXFFMQSy1V15FpncHeV47SmV0TzTqZc"
    "7hHB0ddqAdDi8Z5k3TKqb76sOwYr5TcAfuR6PIPaleyE0/0KrljBum2Isa2Nyq7Dgc3ElBQ6YN4l/a+DpvKaz1FSKmKrhLNskqokWVSlu4"
    "g8OlKlbPXQ9ibII14MZRQrrkTmHYHzfi7GXXM0thAKuR0HNvyhTHBh4/lrYM3GaMvmWwkwvsMavnOex6+eioZHBOb1/EIZ/LzC6zuHArPp"
    "yW3daGaZ1rtQB1vVzTyERAVVFsXXgBHvfFud3w3ShsJYk8JvMwK2RpJ5/gV0QSARcmLDRUAlPzAgMBAAECggEBAMc7rDeUaXiWv6bMGbZ3"
    "BTXpg1FhdddnWUnYE8HfX/kmOFI7XtBHXcgYFpcjYz4D5787pcsk7ezPidAj58zqenuclmjKnUmT3pfbI5eCA2v4C9HnbYDrmUPK1ZcADt"
    "ka4D6ScDccpNYNa1g2TFHzkIrEa6H+q7S3O2fqxY/DRVtN0JIXalBb8daaqL5QVzSmM2BMVnHy+YITJWIkP2a3pKs9C0W65JGDsnG0wVrH"
    "inHF+cnhFZIbaPEI//DAFMc9NkrWOKVRTEgcCUxCFaHOZVNxDWZD7A2ZfJB2rK6eg//ygEiFDR2h6mTaDowMB4YF2n2dsIO4/dCG8vPHI2"
    "0jn4ECgYEA/ZGu6lEMlO0XZnamAZGtiNgLcCfM/C2ZERZE7QTRPZH1WdK92Al9ndldsswFw4baJrJLCmghjF/iG4zihhBvLnOLksnZUfjd"
    "umxoHDWXo2QBWbI5QsWIE7AuTiWgWj1I7X4fCXSQf6i+M/y26TogQ7d0ANpZFyOkTNMn/tiJvLECgYEA22XqlamG/yfAGWery5KNH2DGlT"
    "Iyd6xJWtJ9j3jU99lZ0bCQ5xhiBbU9ImxCi3zgTsoqLWgA/p00HhNFNoUcTl9ofc0G3zwTD1y0ZzcnVKxGJdZ6ohW52V0hJStAigtjYAsU"
    "gjm7//FH7PiQDBDP1Wa6xSRkDQU/aSbQxvEE8+MCgYEA3bb8krW7opyM0XL9RHH0oqsFlVO30Oit5lrqebS0oHl3Zsr2ZGgoBlWBsEzk3U"
    "qUhTFwm/DhJLTSJ/TQPRkxnhQ5/mewNhS9C7yua7wQkzVmWN+VYeUGTvDGDF6qDz12/vJAgSwDDRym8x4NcXD5tTw7mmNRcwIfL22SkysT"
    "hIECgYAVBgccoEoXWS/HP2/u6fQr9ZIR6eV8Ij5FPbZacTG3LlS1Cz5XZra95UgebFFUHHtCEY1JHJY7z8SWvTH8r3Su7eWNaIAoFBGffz"
    "qqSVazfm6aYZsOvRY6BfqPHT3p/H1hTq6AbBffxrcltgvXnCTORjHPglU0CjSxVs7awW3AEQKBgB5WtaC8VLROM7rkfVIq+RXqE5vtJfa3"
    "e3N7W3RqxKp4zHFAPfr82FK5CX2bppEaxY7SEZVvVInKDc5gKdG/jWNRBmvvftZhY59PILHO2X5vO4FXh7suEjy6VIh0gsnK36mmRboYIB"
    "GsNuDHjXLeBDa+8mDLkWu5nHEhOxy2JJZl"
)

WECHAT_SOURCE_SIGNATURE = (
    "BKyAfU4iMCuvXMXS0Wzam3V/cnxZ+JaqigPM5OhljS2iOT95OO6Fsuml2JkFANJU9K6q9bLlDhPXuoVz+pp4hAm6pHU4ld815U4jsKu1Rk"
    "yaII+1CYBUYC8TK0XtJ8FwUXXz8vZHh58rrAVN1XwNyvD1vfpxrMT4SL536GLwvpUHlCqIMzoZUguLli/K8V29QiOhuH6IEqLNJn8e9b3n"
    "wNcQ7be3CzYGpDAKBfDGPCqCv8Rw5zndhlffk2FEA70G4hvMwe51qMN/RAJbknXG23bSlObuTCN7Ndj1aJGH6/L+hdwfLpUtJm4QYVazzW"
    "7DFD27EpSQEqA8bX9+8m1rLg=="
)

WECHAT_SEALED_CERTIFICATE = (
    "Mr/AxbvY+WL9hKlD5nIa03LOMPpn5f+CWeNxE4ujl0f5gXZ9XLJ9CldkArCOTsbU62XgKnTc3YvRMZQ7wCmE2fzwmAenAySTYsPms72Jhg"
    "gPWfdqVxri9YD5wBYKn8Ck0Fc5JIiVw9WlN2oxHBz83mRVsjoTGC5+cX1CdYqKuZ8pkvi0aCJIq07ZC8MHoTowUz+4jYJy9XeKqip83Z7B"
    "mUYxsePpNM+HtihBqTJIUYXJfX7Col5X0ACsApRoU9l6swfW/kzvqNpDJavhDBGasLrr5822+Fk5nVkcTi53f8Wbue7ODWjJxj1yhRYcxF"
    "CvXLtpYNB+Qa1aXtrBSdBdBI2p7o+6Imn+auHLBCzkrZqF/yd+d4vTn4tqHPLUj89XcHsMf96uBo3T/HQV8LEDeIO+6YvOK9FrIDYsvp+i"
    "mN4n/mnF7eJKo9mpN/QqWJiawrFpAmMMxFKBjIdpgMnVUl3Z11RcWKyfOJ3kcmItTWcnZFNyDgR9cS0aU6QPlefa3uUW89uzBuHjcFdDl4"
    "3yU3LE4qZnHLDcDgx4qt0OFCLiy51GXtEpyYs5k99YJBvKK+RyIs4Yc1/smBmClQUhxW+8bsPNOcXfDvH2yX4YzESoO4TV0RqiCgnsSd4z"
    "IFyJPiMKIGzVHiw6Kg0eGCmB4mGHEEZCQ0eN3SSPO0QVjjtBYfgXDZfVHSaAB8PjWBVNFimoViZZQrwT6Ygo0LU0Dd8+F5aHFYr4OPHPsl"
    "r3hrgutEYXDTv1vTA6ABJGqknJ9Y2vtyWpy7aIwxc0kQq/1ezjs+RMVL/LRpGDnbx1/CGPDjZhYgZypKa55+PDhoaQxqkF3xCLz2DGoNHZ"
    "YmFqxzAOsAK0vJZw4VcAk6ssbA6YIaMuiemEpxfLC9ZiXtRqsX9s+GWjjtA8JywOFMO+NKZm9BH/E5YNg2DDD3sHG9Mciwn7yJ6sdf8h2l"
    "AWlEExAOeiBNyshOHAQ0/S+x1ncWNiqY+Uh5n0rtonvePV2MsxVlEWR3AVHn1abcEWkzivd+G5kg7LYO0goqzGClcQfnFfZdO6KwcMXsBC"
    "nm9A1Bl4+k5LLokTIYH5/36SRIZ9j0CHGD77BQLE7x8AlNsoFS2m263tLLq78TFqvZUTIZIQcVIl+NInscS3xQbA38qqFqutCWIwoF1azu"
    "J7woiJyMvnS3xzIpNzP+rzJ8VDXxjLjpEUBOC9WDs74+QMtsAdmh6g0KDclHEk8WJ4P2bnso4z3VCGoDT5X/0bS1C+jMZMKaOCNB21FZ08"
    "qgUHmKeDeg8ylENu+mh2Y/AaEDSGkGBHIfFbhMYO3uRxhk9hldiHEnHgdkXiVAAUWk/IhtmGijibO/L76vB74Xpes973uK+2iFKgNBk8qT"
    "LLZZnuWbcMQuA6VsFULRb/C+q9B21YuAWPMzvgBwr4EX2m/OpF5w8Q0HL7v1H5H0mIGJbrjnklUPoBYrw30W3uk7yF0KE6sfMukafFx0S9"
    "rBOL0RykGDPwC0lHSNySkXDeM5XvDJ+dtHK+RDwhJR+azfrWAHGMtZcQ+YVamjWVmHxXM03j3GeCXgqae1upwHzkPL5OwojcQ5MQi3Kv/1"
    "xtwY0cRN/yeZTOsXfujtqhkJj/Vltby4lnW4SCj4LjWQF19BY6zhzF4yybBA8bhhtoNP/zx8QkhHAkIROkK2ZVgfocCAPvfQ+vSrsIBO+L"
    "5cmg6mzFn4g84lsHscgXnszIlzUrzx/4Tam0uwuS9J1gddZ0I0QUt9SJzfsoBCTU0OgNMUtXKS5HvgXe7abexMtFH5eulOsAuFZkQ5LYJa"
    "/m4yHFInXzL/t3hjdTi2NmxUufvYzwIyffRTu5vS9vjscARD9lUQDHFQ/xgWe1i8EkRlrSfjlXt00+4//h2bcJKyTBT3IXwvKNsuY29V9/"
    "vU3HkvWKZ99zpSlmcZRuBa1BHbyPEvc0NlqIIoKidxqUvOR64MzudHhAjgWFP+IXojfhS3Gj9OJhBL7s"
)
ALIPAY_BUTTONS = (
    '{"button":[{"actionParam":"ZFB_HFCZ","actionType":"out","name":"话费充值"},{"name":"查询","subButton":'
    '[{"actionParam":"ZFB_YECX","actionType":"out","name":"余额查询"},{"actionParam":"ZFB_LLCX","actionType":"out",'
    '"name":"流量查询"},{"actionParam":"ZFB_HFCX","actionType":"out","name":"话费查询"}]},'
    '{"actionParam":"http://m.alipay.com","actionType":"link","name":"最新优惠"}]}'
)

STRIPE_SECRET = "webhook_secret"
STRIPE_HEADER = (
    "t=1533204620,v1=2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7,"
    "v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef"
)
STRIPE_AT = datetime.fromtimestamp(1533204620, UTC)
STRIPE_MALFORMED = (
    "t=,v1=2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7",
    "t,v1=,v0=",
    "t,v1=,v0",
    "t,v1=,",
)

PAYPAL_AT = datetime(2015, 5, 18, 15, 45, 13, tzinfo=UTC)
PAYPAL_HEADERS = {
    "Paypal-Transmission-Id": "dfb3be50-fd74-11e4-8bf3-77339302725b",
    "Paypal-Transmission-Time": "2015-05-18T15:45:13Z",
    "Paypal-Transmission-Sig": PAYPAL_SIGNATURE,
    "Paypal-Auth-Algo": "SHA256withRSA",
    "Paypal-Cert-Url": "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77",
}
PAYPAL_WEBHOOK = "4JH86294D6297924G"

WECHAT_AT = datetime.fromtimestamp(1624523846, UTC)
WECHAT_HEADERS = {
    "Wechatpay-Nonce": "EcZ9Cmy4Xyx1i6RlJQzLcCyEqDa26NBz",
    "Wechatpay-Timestamp": "1624523846",
    "Wechatpay-Serial": "D7CE59D1F522D701",
    "Wechatpay-Signature": WECHAT_SIGNATURE,
}
WECHAT_PLAIN = (
    '{"mchid":"1234567890","appid":"054aa7d7a2a54ab5898df65bd96f001c",'
    '"create_time":"2020-06-30T12:12:00+08:00","out_contract_code":"21640bdbd08e473e828f3206a2741c6e"}'
)


def paypal_trust() -> list[x509.Certificate]:
    return [x509.load_pem_x509_certificate(certificate(one)) for one in (DIGICERT_ROOT, DIGICERT_INTERMEDIATE)]


def wechat_platform() -> dict[str, wechat.RSAPublicKey]:
    return {"D7CE59D1F522D701": signatures.public_key(certificate(WECHAT_CERTIFICATE).decode())}


def _stripe() -> None:
    body = STRIPE_BODY.encode()
    stripe.verify(STRIPE_SECRET, STRIPE_HEADER, body, STRIPE_AT + timedelta(seconds=100))
    refused(lambda: stripe.verify(STRIPE_SECRET, STRIPE_HEADER, body, STRIPE_AT + timedelta(seconds=400)), "time")
    longer = body + b"this_changes_the_json"
    refused(lambda: stripe.verify(STRIPE_SECRET, STRIPE_HEADER, longer, STRIPE_AT), "signature")


def _stripe_malformed() -> None:
    for header in STRIPE_MALFORMED:
        refused(lambda said=header: stripe.verify(STRIPE_SECRET, said, STRIPE_BODY.encode(), STRIPE_AT), "format")


def _paypal_certificate() -> None:
    pem, trusted = certificate(PAYPAL_CERTIFICATE), paypal_trust()
    paypal.key_of(pem, trusted, PAYPAL_AT)
    for year in (2014, 2018):
        refused(lambda at=year: paypal.key_of(pem, trusted, datetime(at, 1, 1, tzinfo=UTC)), "certificate")


def _paypal() -> None:
    said, body = PAYPAL_HEADERS, PAYPAL_BODY.encode()
    message = paypal.signed(said["Paypal-Transmission-Id"], said["Paypal-Transmission-Time"], PAYPAL_WEBHOOK, body)
    expect(message.rpartition(b"|")[2], b"2771810304")
    key = paypal.key_of(certificate(PAYPAL_CERTIFICATE), paypal_trust(), PAYPAL_AT)
    signatures.verify(key, message, PAYPAL_SIGNATURE)


def _paypal_java() -> None:
    at = "2015-05-12T18:14:14Z"
    message = paypal.signed("b2384410-f8d2-11e4-8bf3-77339302725b", at, "3RN13029J36659323", PAYPAL_BODY_2.encode())
    key = paypal.key_of(certificate(PAYPAL_CERTIFICATE), paypal_trust(), datetime.fromisoformat(at))
    signatures.verify(key, message, PAYPAL_SIGNATURE_2)


def _alipay_request() -> None:
    said = {
        "method": "alipay.mobile.public.menu.add",
        "charset": "GBK",
        "sign_type": "RSA2",
        "timestamp": "2014-07-24 03:07:50",
        "biz_content": ALIPAY_BUTTONS,
        "app_id": "2014072300007148",
        "version": "1.0",
    }
    before, after = "app_id=2014072300007148&biz_content=", "&charset=GBK&method=alipay.mobile.public.menu.add"
    rest = "&sign_type=RSA2&timestamp=2014-07-24 03:07:50&version=1.0"
    expect(alipay.content(said), f"{before}{ALIPAY_BUTTONS}{after}{rest}")


def _alipay_notification() -> None:
    key = signatures.public_key(ALIPAY_NOTIFY_KEY)
    provider = alipay.Alipay(
        http=_Unasked(),
        clock=lambda: datetime(2019, 8, 15, 8, 0, tzinfo=UTC),
        app_id=ALIPAY_NOTIFY["app_id"],
        seller_id=ALIPAY_NOTIFY["seller_id"],
        key=signatures.private_key(WECHAT_PRIVATE_KEY),
        theirs=key,
    )
    at = datetime(2019, 8, 15, 7, 56, 24, tzinfo=UTC)
    body = urlencode({**ALIPAY_NOTIFY, "sign": ALIPAY_NOTIFY_SIGNATURE}).encode()
    expected = Told(
        event="2019081500222155624068450559358070",
        payment="20190815155618536-564-57",
        provider_reference="20190815155618536-564-57",
        kind="paid",
        amount_minor=10,
        currency="CNY",
        at=at,
    )
    expect(provider.read(callback({}, body, at), at), expected)


def _alipay_response() -> None:
    raw, sign = alipay.answer_in(ALIPAY_RESPONSE, "alipay_open_file_upload_response")
    signatures.verify(signatures.public_key(ALIPAY_KEY), raw.encode(), sign)


def _alipay_loose_response() -> None:
    raw, _ = alipay.answer_in(ALIPAY_LOOSE_RESPONSE, "alipay_offline_material_image_upload_response")
    expect(raw, ALIPAY_LOOSE_CONTENT)


def _wechat_notification() -> None:
    body = WECHAT_BODY.encode()
    small = {name.lower(): value for name, value in WECHAT_HEADERS.items()}
    wechat.verify(wechat_platform(), small, body, WECHAT_AT)
    sealed = json.loads(body)["resource"]
    key = b"testMchAPIv3Key0"
    opened = wechat.decrypt(key, sealed["nonce"], sealed["ciphertext"], sealed["associated_data"])
    expect(opened.decode(), WECHAT_PLAIN)


def _wechat_signature() -> None:
    expect(signatures.sign(signatures.private_key(WECHAT_PRIVATE_KEY), b"source"), WECHAT_SOURCE_SIGNATURE)


def _wechat_authorization() -> None:
    """The SDK's own signer stands aside there, so that the signature is the message itself."""
    for method, body in (("GET", ""), ("POST", "Hello World!\n")):
        message = wechat.request_message(method, "/v3/certificates", "1624523846", "A1B2C3D4E5F6G7", body.encode())
        expect(message.decode(), f"{method}\n/v3/certificates\n1624523846\nA1B2C3D4E5F6G7\n{body}\n")
        found = wechat.authorization("1234567890", "A1B2C3D4E5F6G7", "1624523846", "0123456789ABC", "S")
        order = 'mchid="1234567890",nonce_str="A1B2C3D4E5F6G7",timestamp="1624523846",serial_no="0123456789ABC"'
        expect(found, f'WECHATPAY2-SHA256-RSA2048 {order},signature="S"')


def _wechat_request_with_query() -> None:
    path = "/v3/pay/transactions/id/1217752501201407033233368018?mchid=1230000109"
    found = wechat.request_message("GET", path, "1652750623", "eBYqCOxa0QudMnPvVilkTzOg3gHh5Z3u", b"")
    expect(found.decode(), f"GET\n{path}\n1652750623\neBYqCOxa0QudMnPvVilkTzOg3gHh5Z3u\n\n")


def _wechat_aes() -> None:
    sealed = "FsdXzxryWfKwvLJKf8LG/ToRPTRh8RN9wROC"
    opened = wechat.decrypt(b"testAPIv3Key0000", "wCq51qZv4Yfg", sealed, "Dl56FrqWQJF1t9LtC3vEUsniZKvbqdR8")
    expect(opened, b"Hello World")


def _wechat_aes_256() -> None:
    key = b"a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb"
    sealed = "ulwSiIajGClcvcOYvOQ7+l+0PAbzzwI="
    expect(wechat.decrypt(key, "uluk4a9R25RW", sealed, "associatedData"), b"message")
    refused(lambda: wechat.decrypt(key, "uluk4a9R25RW", sealed, "bad-associatedData"), "signature")
    refused(lambda: wechat.decrypt(key, "bad-4a9R25RW", sealed, "associatedData"), "signature")


def _wechat_sealed_certificate() -> None:
    key = b"a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb"
    opened = wechat.decrypt(key, "14b16c03dc1b", WECHAT_SEALED_CERTIFICATE, "certificate")
    serial = x509.load_pem_x509_certificate(opened).serial_number
    expect(f"{serial:X}", "5DEA10EF55877E3CF6C33255C2E7DEFFF7E427EC")


class _Unasked:
    """Nobody is to be asked."""

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> wechat.Answered:
        raise AssertionError(f"{method} {url}")


_GO, _JAVA = "wechatpay-apiv3/wechatpay-go", "wechatpay-apiv3/wechatpay-java"
_CORE = f"{_JAVA}: core/src/test/java/com/wechat/pay/java/core"
_ALIPAY_SDK = "alipay/alipay-sdk-nodejs-all: test/alipay.test.ts"
_DIGICERT = "paypal/PayPal-Python-SDK: paypalrestsdk/data"
_NODE = "paypal/PayPal-node-SDK: test/mocks/notification.js"

VECTORS = (
    Vector(
        name="stripe: an event and its header, taken within the tolerance, refused after it and when changed",
        source="stripe/stripe-dotnet: src/StripeTests/Services/Events/EventUtilityTest.cs",
        run=_stripe,
    ),
    Vector(
        name="stripe: headers that are none",
        source="stripe/stripe-dotnet: src/StripeTests/Services/Events/EventUtilityTest.cs",
        run=_stripe_malformed,
    ),
    Vector(
        name="paypal: the certificate of messages, its chain and its days",
        source=f"{_NODE}; {_DIGICERT}",
        run=_paypal_certificate,
    ),
    Vector(
        name="paypal: a sale's message of 2015-05-18",
        source=f"paypal/PayPal-Python-SDK: test/unit_tests/notifications_test.py; {_NODE}",
        run=_paypal,
    ),
    Vector(
        name="paypal: a sale's message of 2015-05-12",
        source=f"paypal/PayPal-Java-SDK: rest-api-sdk/src/test/java/com/paypal/base/SSLUtilTest.java; {_NODE}",
        run=_paypal_java,
    ),
    Vector(
        name="alipay: what is signed of a request",
        source="Alipay's guide to signing without its SDK, kept at: https://juejin.cn/post/6844903816484110349",
        run=_alipay_request,
    ),
    Vector(name="alipay: a trade's notification", source=_ALIPAY_SDK, run=_alipay_notification),
    Vector(
        name="alipay: a response's signature",
        source=f"{_ALIPAY_SDK}, test/fixtures/alipay-public-key.pem",
        run=_alipay_response,
    ),
    Vector(name="alipay: what is signed of a response", source=_ALIPAY_SDK, run=_alipay_loose_response),
    Vector(
        name="wechat: a notification, verified and opened",
        source=f"{_GO}: core/notify/notify_test.go",
        run=_wechat_notification,
    ),
    Vector(
        name="wechat: a signature",
        source=f"{_GO}: core/auth/signers/sha256withrsa_signer_test.go",
        run=_wechat_signature,
    ),
    Vector(
        name="wechat: a request's message and header",
        source=f"{_GO}: core/auth/credentials/wechat_pay_credential_test.go",
        run=_wechat_authorization,
    ),
    Vector(
        name="wechat: the message of a request with a query",
        source=f"{_CORE}/auth/WechatPay2CredentialTest.java",
        run=_wechat_request_with_query,
    ),
    Vector(name="wechat: AES-GCM", source=f"{_GO}: utils/aes_test.go", run=_wechat_aes),
    Vector(name="wechat: AES-256-GCM", source=f"{_CORE}/cipher/AeadAesCipherTest.java", run=_wechat_aes_256),
    Vector(
        name="wechat: a certificate that WeChat Pay sealed",
        source=f"{_CORE}/model/TestConfig.java",
        run=_wechat_sealed_certificate,
    ),
)
