"""What can go wrong when weather is asked for.

WeatherError        a source gave no weather; the text says which, why, and what to do
└── Limited         it asks for fewer requests, whatever area they are about
"""

from aircue_cloud.errors import CloudError


class WeatherError(CloudError):
    pass


class Limited(WeatherError):
    """retry_s: how long it wants to be left alone."""

    def __init__(self, text: str, retry_s: float) -> None:
        super().__init__(text)
        self.retry_s = retry_s
