"""What can go wrong in the cloud, as one small tree.

CloudError
├── SettingsError   a configuration or needs file holds something it may not
├── Refused         a delivery that cannot be taken as it is; the peer's fault
├── ObjectConflict  an object key is taken by other content
├── Unfit           a body, an item or a row that does not say what it should; the peer's fault
└── CommandError    a command was asked for something that is not there
"""


class CloudError(Exception):
    """The text says what was wrong, where, and what to do."""


class SettingsError(CloudError, ValueError):
    pass


class Refused(CloudError, ValueError):
    pass


class ObjectConflict(CloudError):
    pass


class CommandError(CloudError):
    pass
