"""to come"""


def run(*a):
    return {}
